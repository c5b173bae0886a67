"""A whole run of a program on the core alone. That the floor imports no torch is held by the import contract."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from seatrial.errors import ExitCode
from seatrial.events import RunEnd, RunStart, Step
from seatrial.history import History
from seatrial.runs import Run

OWN = '''
"""A case of one file, whose program needs nothing but the standard library."""
import sys, time
from dataclasses import dataclass
from seatrial.arguments import CaseArgs
from seatrial.spec import Case, Expectations, Recipe

@dataclass(frozen=True, kw_only=True)
class Args(CaseArgs):
    steps: int = 3
    """Steps to take."""
    seconds: float = 0.0
    """Of a step."""

CASE = Case(
    name="own", title="mine", framework="none", Args=Args, program=__file__, resumable=True,
    recipes=(Recipe(name="tiny", title="", args=Args(), expectations=Expectations(loss_decrease=1.0)),),
)

def main():
    sys.modules["torch"] = None  # importing it raises
    from seatrial.events import Step
    from seatrial.rank import announce
    from seatrial.rank.core import Rank
    from seatrial.rank.start import start
    with start(Rank) as rank:
        args = Args(**rank.args)
        announce.run_start(rank, steps=args.steps, unit="samples")
        for step in range(1, args.steps + 1):
            time.sleep(args.seconds)
            rank.emit(Step(step=step, loss=2.0 / step, count=1, seconds=max(args.seconds, 0.001)))
            rank.alive()
            request = rank.request()
            if request is not None:
                path = rank.run / "checkpoints" / f"step-{step}"
                with announce.saving(rank, path, step):
                    path.write_text(str(step))
                rank.leave(request, step, saved=True)
        rank.end("completed", args.steps, ranks_agree=True)

if __name__ == "__main__":
    main()
'''


@pytest.fixture
def own(tmp_path: Path) -> Path:
    path = tmp_path / "own.py"
    path.write_text(OWN)
    return path


def command(own: Path, name: str, *settings: str) -> subprocess.Popen[str]:
    """`seatrial run` of the file, in the background."""
    words = [sys.executable, "-m", "seatrial", "run", str(own), "--name", name, "--json"]
    words += [word for setting in settings for word in ("--set", setting)]
    environment = {**os.environ, "SEATRIAL_RUNS_DIR": str(own.parent)}
    return subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def find(own: Path, name: str) -> Run:
    return History(own.parent).find(name)


def test_a_run_on_the_core_alone_is_judged(own: Path) -> None:
    process = command(own, "whole", "steps=4")
    out, err = process.communicate(timeout=60)
    assert process.returncode == ExitCode.PASSED, err
    assert json.loads(out)["verdict"] == "PASS"
    run = find(own, "whole")
    log = run.events()
    assert [step.loss for step in log.of(Step)] == [2.0, 1.0, 2 / 3, 0.5]
    assert (log.last(RunStart).unit, log.last(RunStart).backend) == ("samples", "none")
    assert "torch" not in log.last(RunStart).versions
    assert run.heartbeat_path(0).exists()


def test_it_stops_when_it_is_asked_to(own: Path) -> None:
    process = command(own, "stopped", "steps=10000", "seconds=0.01")
    events = own.parent / "stopped" / "events.jsonl"
    deadline = time.monotonic() + 60
    while not events.exists() or '"step": 3' not in events.read_text():
        assert process.poll() is None and time.monotonic() < deadline, process.communicate()
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == ExitCode.STOPPED
    run = find(own, "stopped")
    end = run.events().last(RunEnd)
    assert (end.outcome, end.reason) == ("stopped", "SIGTERM")
    assert (run.path / "checkpoints" / f"step-{end.step}").read_text() == str(end.step)
