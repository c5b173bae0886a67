"""Four ranks over gloo that no launcher watches, as on a cluster: one joins no collective, and all end by themselves.

On a real Slurm: tests/trials/slurm/test_runs.py.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from seatrial.binding import bind
from seatrial.diagnose import diagnose
from seatrial.errors import ExitCode
from seatrial.history import History
from seatrial.launchers.local import free_port
from seatrial.runs import Run, State
from tests import faults
from tests.clusters import LOCAL

RANKS = 4


def hung(root: Path, fault: str, log: str = "rank-{}", **variables: str) -> Run:
    """A run whose rank 2 has a fault, after all its ranks have ended."""
    [recipe] = faults.CASE.recipes
    settings = {"fault": fault, "faulty_rank": 2}
    run = History(root).create(bind(faults.CASE, recipe, LOCAL, settings=settings, processes_per_node=RANKS), "run")
    common = {"WORLD_SIZE": str(RANKS), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
    common |= {"SEATRIAL_RUN": str(run.path), "SEATRIAL_HANG_SECONDS": "10", "OMP_NUM_THREADS": "1", **variables}
    ranks = []
    for rank in range(RANKS):
        place = {"RANK": str(rank), "LOCAL_RANK": str(rank)}
        with (run.path / "logs" / f"{log.format(rank)}.log").open("ab") as out:
            command = [sys.executable, faults.__file__]
            ranks.append(subprocess.Popen(command, env=os.environ | common | place, stdout=out, stderr=out))
    try:
        assert [rank.wait(120) for rank in ranks] == [ExitCode.FAILED] * RANKS
    finally:
        for one in ranks:
            one.kill()
            one.wait()
    assert run.state() is State.FAILED
    return run


@pytest.mark.parametrize(("fault", "rule"), [("absent", "collective-missing"), ("skip", "collective-mismatch")])
def test_the_recorders_of_all_ranks_tell_whose_it_was(tmp_path: Path, fault: str, rule: str) -> None:
    cause = diagnose(hung(tmp_path, fault)).cause
    assert cause.check == f"diagnose.{rule}" and cause.scope == {"rank": [2]}, cause


def test_where_only_the_log_comes_back_stacks_tell_who_stands_elsewhere(tmp_path: Path) -> None:
    run = hung(tmp_path, "absent", log="node-0", SEATRIAL_PRINT_EVENTS="1")
    shutil.rmtree(run.path / "stacks")
    cause = diagnose(run).cause
    assert cause.check == "diagnose.hang" and cause.scope == {"rank": [2]}, cause
    assert "rank 2 stands in happen (faults.py:" in cause.observed
