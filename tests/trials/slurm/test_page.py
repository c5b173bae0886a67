"""docs/slurm.md, as it stands, on a real Slurm."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.docs.session import DOCS, play
from tests.trials.slurm.harness import Slurm

LIMIT = 'time = "4:00:00"'
THREADS = '[clusters.p5.environment]\nOMP_NUM_THREADS = "1"'
"""This machine has a few cores, whatever its nodes say."""


def test_slurm(slurm: Slurm, tmp_path: Path):
    shared = str(tmp_path / "shared")
    changes = {"/fsx/seatrial": shared, "/fsx/venv/bin/python": sys.executable, LIMIT: f"{LIMIT}\n\n{THREADS}"}
    assert play(DOCS / "slurm.md", tmp_path / "project", env=slurm.env, changes=changes)
