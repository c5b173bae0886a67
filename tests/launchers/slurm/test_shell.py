"""Scripts for the host where Slurm is."""

from __future__ import annotations

import os

from seatrial.launchers.slurm import shell


def test_slurm_is_found_where_parallelcluster_has_it_and_behind_what_path_says() -> None:
    assert shell.run("echo $PATH", "here").stdout.decode() == f"{os.environ['PATH']}:/opt/slurm/bin\n"
