"""Other cases, and a user's own, as a user runs them."""

from __future__ import annotations

import pytest

from seatrial.events import RunStart, StepContent, Validation
from tests.command import losses, read_json, settings

pytestmark = [pytest.mark.torch, pytest.mark.slow]


DIGITS = ("run", "cpu-ddp", *settings("steps=600", "checkpoint_every=400", "log_every=20"))


def test_cpu_ddp_learns_digits(command):
    digits = read_json(command(*DIGITS, "--name", "digits", "--json"))
    assert digits["verdict"] == "PASS"
    run = command.find("digits")
    last = run.events().last(Validation)
    assert last.step == 600 and last.metrics["accuracy"] >= 0.93
    start, content = run.events().last(RunStart), run.events().last(StepContent)
    assert start.unit == "samples" and content.products == "float32"
    assert start.collective_bytes["all_reduce"] == pytest.approx(content.bytes["all_reduce Float"])


OWN = '''
"""A case of one file."""
import os
from dataclasses import dataclass
from seatrial.arguments import CaseArgs
from seatrial.spec import Case, Expectations, Recipe

@dataclass(frozen=True, kw_only=True)
class Args(CaseArgs):
    steps: int = 3
    """Steps to take."""

CASE = Case(
    name="own", title="mine", framework="none", Args=Args, program=__file__,
    recipes=(Recipe(name="tiny", title="three steps", args=Args(), processes_per_node=2,
                    expectations=Expectations(loss_decrease=1.0)),),
)

def main():
    from seatrial.events import RunEnd, RunStart, Step
    from seatrial.train.worker import start
    with start() as worker:
        steps = worker.args["steps"]
        worker.emit(RunStart(attempt=0, start_step=0, steps=steps, world_size=2, device="cpu", backend="gloo"))
        for step in range(1, steps + 1):
            total = worker.sum([1.0])[0]
            worker.emit(Step(step=step, loss=total / step, learning_rate=0.0, count=1, seconds=0.1))
        worker.end("completed", steps, ranks_agree=True)

if __name__ == "__main__":
    main()
'''


def test_a_users_own_file_is_a_case(command, tmp_path):
    path = tmp_path / "my own case.py"
    path.write_text(OWN)
    answer = read_json(command("run", str(path), "--set", "steps=4", "--name", "own", "--json"))
    assert answer["verdict"] == "PASS"
    assert losses(command.find("own")) == {1: 2.0, 2: 1.0, 3: 2 / 3, 4: 0.5}
