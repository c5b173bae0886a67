"""Seatrial takes a GPU or Trainium cluster through its sea trials."""

__version__ = "0.1.0"
