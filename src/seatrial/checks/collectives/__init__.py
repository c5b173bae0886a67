"""Sweeps of collective operations over sizes: formulas, what tools print of them, baselines, what follows."""
