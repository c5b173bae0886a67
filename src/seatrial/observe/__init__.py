"""What happens in runs and on nodes, put where people look."""
