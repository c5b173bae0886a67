"""Protein sequences, for the cases that prepare them and train on them: files, clusters, splits. No torch."""
