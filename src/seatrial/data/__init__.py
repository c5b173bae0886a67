"""Text to train on: where it comes from, how it becomes tokens and batches. Standard library and numpy; no torch."""
