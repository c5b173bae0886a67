"""AdamW's groups, and learning-rate schedules."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from seatrial.models import LLAMA
from seatrial.train.model import Llama
from seatrial.train.optimizer import adamw, learning_rate_at, set_learning_rate

pytestmark = pytest.mark.torch

SCHEDULES = ("cosine", "linear", "constant")


def optimizer_of(model: nn.Module) -> torch.optim.AdamW:
    return adamw(model.parameters(), learning_rate=0.1, betas=(0.8, 0.9), weight_decay=0.3)


def rate(step: int, schedule: str = "cosine", *, steps: int = 101, warmup: int = 11) -> float:
    return learning_rate_at(step, steps=steps, warmup_steps=warmup, peak=1.0, minimum=0.1, schedule=schedule)


# --- weight decay ---


def test_rms_norms_do_not_decay_and_matrices_do() -> None:
    model = Llama(LLAMA["tiny"])
    names = {parameter: name for name, parameter in model.named_parameters()}
    decayed = {
        names[parameter]: group["weight_decay"]
        for group in optimizer_of(model).param_groups
        for parameter in group["params"]
    }
    assert set(decayed) == set(names.values()), "each parameter is in one group"
    assert {name for name, decay in decayed.items() if decay == 0.0} == {n for n in decayed if "norm" in n}
    assert {decay for name, decay in decayed.items() if "norm" not in name} == {0.3}


def test_a_step_without_gradient_shrinks_matrices_only() -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.RMSNorm(4))
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer_of(model).step()
    for name, parameter in model.named_parameters():
        factor = 1 - 0.1 * 0.3 if name == "0.weight" else 1.0
        torch.testing.assert_close(parameter.detach(), before[name] * factor)


def test_frozen_and_tied_parameters() -> None:
    model = nn.Sequential(nn.Linear(3, 3, bias=False), nn.Linear(3, 3, bias=False), nn.Linear(3, 3, bias=False))
    model[1].weight = model[0].weight
    model[2].weight.requires_grad_(False)
    groups = optimizer_of(model).param_groups
    assert [group["params"] for group in groups] == [[model[0].weight]], "and no empty group"


def test_the_settings_arrive_and_it_is_fused_where_that_exists() -> None:
    optimizer = optimizer_of(nn.Linear(2, 2))
    assert {group["betas"] for group in optimizer.param_groups} == {(0.8, 0.9)}
    assert {group["lr"] for group in optimizer.param_groups} == {0.1}
    assert optimizer.defaults["fused"] is True
    assert optimizer_of(nn.Linear(2, 2, device="meta")).defaults["fused"] is False


def test_the_learning_rate_is_set_for_every_group() -> None:
    optimizer = optimizer_of(nn.Linear(2, 2))
    assert len(optimizer.param_groups) == 2
    set_learning_rate(optimizer, 0.05)
    assert [group["lr"] for group in optimizer.param_groups] == [0.05, 0.05]


# --- schedules ---


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_the_warm_up_is_a_straight_line_that_ends_at_the_peak(schedule: str) -> None:
    assert [rate(step, schedule) for step in range(11)] == pytest.approx([i / 11 for i in range(1, 12)])
    assert rate(11, schedule) == 1.0


@pytest.mark.parametrize(
    ("schedule", "quarter", "middle", "end"),
    [("cosine", 0.1 + 0.9 * 0.8535534, 0.55, 0.1), ("linear", 0.775, 0.55, 0.1), ("constant", 1.0, 1.0, 1.0)],
)
def test_the_shape_after_the_warm_up(schedule: str, quarter: float, middle: float, end: float) -> None:
    # 101 steps, 11 of them warm-up: from step 11 to step 100, the last.
    values = [rate(step, schedule, steps=112) for step in (11, 36, 61, 111)]
    assert values == pytest.approx([1.0, quarter, middle, end], abs=1e-6)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_without_warm_up_the_first_step_is_at_the_peak(schedule: str) -> None:
    assert rate(0, schedule, warmup=0) == 1.0


def test_a_step_beyond_the_last_stays_at_the_minimum() -> None:
    assert rate(500, "linear") == rate(500, "cosine") == pytest.approx(0.1)


@given(
    steps=st.integers(1, 300),
    warmup_share=st.floats(0, 1.5),
    peak=st.floats(1e-6, 1.0),
    minimum_share=st.floats(0, 1),
    schedule=st.sampled_from(SCHEDULES),
)
def test_no_schedule_leaves_its_bounds_or_jumps(
    steps: int, warmup_share: float, peak: float, minimum_share: float, schedule: str
) -> None:
    warmup, minimum = int(steps * warmup_share), peak * minimum_share
    values = [
        learning_rate_at(s, steps=steps, warmup_steps=warmup, peak=peak, minimum=minimum, schedule=schedule)
        for s in range(steps)
    ]
    rising, falling = values[:warmup], values[warmup:]
    assert all(0 < value <= peak * (1 + 1e-9) for value in rising)
    assert all(minimum * (1 - 1e-9) <= value <= peak * (1 + 1e-9) for value in falling)
    assert falling[:1] == pytest.approx([peak] * len(falling[:1]))
    assert rising == sorted(rising)
    assert falling == sorted(falling, reverse=True)
    # The steepest place of the cosine is pi/2 times as steep as the straight line.
    largest = max(peak / max(1, warmup), 1.6 * (peak - minimum) / max(1, steps - 1 - warmup))
    assert all(abs(b - a) <= largest * (1 + 1e-9) for a, b in pairwise(values))
    if schedule != "constant" and steps - warmup > 1:
        assert values[-1] == pytest.approx(minimum, abs=1e-12)
