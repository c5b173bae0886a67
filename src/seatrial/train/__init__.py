"""Node-side library: what a training process imports. Standard library, torch and numpy, nothing else."""
