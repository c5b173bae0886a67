"""What a rank of any framework needs, and the command that reads its log: standard library only."""
