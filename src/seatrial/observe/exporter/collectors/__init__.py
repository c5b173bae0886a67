"""Collectors, one module each."""
