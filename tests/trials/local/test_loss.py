"""docs/loss.md as it stands; and a network of torch that is trained well, and in wrong ways."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from seatrial.binding import bind
from seatrial.cases.cpu_ddp import CASE, DIGITS, Args
from seatrial.cases.cpu_ddp.train import batch_indices, digits
from seatrial.findings import Verdict
from seatrial.verdict import continuation, loss, reference
from seatrial.verdict.band import band
from seatrial.verdict.baselines import Baseline, deciding
from tests.docs.session import DOCS, play
from tests.test_binding import LOCAL
from tests.verdict.curves import Losses, log

JOB = bind(CASE, CASE.recipe("tiny"), LOCAL)
STEPS = 200


def test_loss(tmp_path: Path) -> None:
    assert len(play(DOCS / "loss.md", tmp_path / "project")) == 6


class Training:
    """That of cpu-ddp, in one process."""

    def __init__(self, seed: int, *, rate: float = 1.0) -> None:
        torch.manual_seed(seed)
        self.args = Args(seed=seed, steps=STEPS)
        self.images, self.labels = digits(seed)
        width = self.args.hidden_size
        layers = (nn.Linear(64, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, DIGITS))
        self.model = nn.Sequential(*layers)
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=rate * self.args.learning_rate)

    def train(self, first: int, last: int, *, skipped: int = 0) -> Losses:
        """Losses of these steps; `skipped`: by how many the place in the data is off."""
        found = {}
        for step in range(first, last + 1):
            mine = batch_indices(self.args, step - 1 + skipped)
            loss = F.cross_entropy(self.model(self.images[mine]), self.labels[mine])
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            found[step] = loss.item()
        return found


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def baseline() -> Baseline:
    """Of three seeds."""
    made = band([Training(seed).train(1, STEPS) for seed in range(3)])
    return Baseline(case="cpu-ddp", recipe="tiny", args=deciding(JOB), runs=("0", "1", "2"), date="", versions="",
                    band=made)  # fmt: skip


def verdicts(curve: Losses, baseline: Baseline) -> dict[str, Verdict]:
    events = log(curve, steps=STEPS)
    found = [*loss.judge(JOB, events), *reference.against(JOB, events, [baseline])]
    return {finding.check: finding.verdict for finding in found}


GOOD = {"run.loss-start": Verdict.PASS, "run.loss-band": Verdict.PASS}


@pytest.mark.parametrize("seed", range(3, 7))
def test_another_seed_is_inside(baseline: Baseline, seed: int) -> None:
    assert verdicts(Training(seed).train(1, STEPS), baseline) == GOOD


@pytest.mark.parametrize("seed", (3, 4))
@pytest.mark.parametrize("rate", [0.0, 30.0])
def test_another_learning_rate_is_outside(baseline: Baseline, seed: int, rate: float) -> None:
    assert verdicts(Training(seed, rate=rate).train(1, STEPS), baseline)["run.loss-band"] is Verdict.FAIL


@pytest.mark.parametrize("seed", (3, 4))
def test_labels_of_other_images_are_outside(baseline: Baseline, seed: int) -> None:
    training = Training(seed)
    training.labels = training.labels.roll(1)
    assert verdicts(training.train(1, STEPS), baseline) == GOOD | {"run.loss-band": Verdict.FAIL}


LOST = {
    "nothing": (lambda training: None, 0, Verdict.PASS),
    "its place in the data": (lambda training: None, -60, Verdict.FAIL),
    "one batch": (lambda training: None, 1, Verdict.FAIL),
    "its weights": (lambda training: training.model[2].reset_parameters(), 0, Verdict.FAIL),
}


@pytest.mark.parametrize("seed", (3, 4))
@pytest.mark.parametrize("lost", LOST)
def test_what_a_resume_lost_shows(lost: str, seed: int) -> None:
    """It died 10 steps after its checkpoint of step 60."""
    forget, skipped, verdict = LOST[lost]
    training = Training(seed)
    before = training.train(1, 60)
    resumed = copy.deepcopy(training)
    before |= training.train(61, 70)
    forget(resumed)
    [found] = continuation.continues(log(before, resumed.train(61, STEPS, skipped=skipped), steps=STEPS))
    assert found.verdict is verdict, found.observed
