"""A rank of any framework, and how its log is read, by itself or by the command: standard library only."""
