"""The jax-paxml case on paxml: killed in the middle, gone on, passed. Only where its environment is made."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from seatrial import environments
from seatrial.errors import ExitCode
from seatrial.events import CheckpointLoaded, Restart, RunEnd, Step
from seatrial.history import History


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SEATRIAL_ENVIRONMENTS", raising=False)
    if not environments.standing("paxml").made:
        pytest.skip("the environment paxml is made on request: seatrial env create paxml")


@pytest.mark.external
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_killed_in_the_middle_it_goes_on(made: None, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "seatrial", "run", "jax-paxml", "--name", "tiny", "--json"]
    process = subprocess.Popen(command, env={**os.environ, "SEATRIAL_RUNS_DIR": str(tmp_path)}, stdout=subprocess.PIPE)
    killed = False
    while process.poll() is None:
        time.sleep(0.5)
        if not killed and (tmp_path / "tiny/checkpoints/checkpoint_00000004").exists():
            children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
            os.kill(int(children[0]), signal.SIGKILL)
            killed = True
    out, _ = process.communicate()
    assert (process.returncode, json.loads(out)["verdict"]) == (ExitCode.PASSED, "WARN")  # a rank died
    log = History(tmp_path).find("tiny").events()
    assert len(log.of(Restart)) == 1
    assert [loaded.step for loaded in log.of(CheckpointLoaded)] in ([4], [8])
    assert log.last(RunEnd).ranks_agree
    by_step: dict[int, set[float]] = {}
    for step in log.of(Step):
        by_step.setdefault(step.step, set()).add(step.loss)
    assert sorted(by_step) == list(range(1, 9))
    assert all(len(losses) == 1 for losses in by_step.values()), "what was done twice came to the same"
