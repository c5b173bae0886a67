"""The clusters that pages are tried on."""

from tests.slurm.conftest import requirements, slurm, slurm_cluster

__all__ = ["requirements", "slurm", "slurm_cluster"]
