"""Whether all ranks hold the same state: what one rank can say. Two ranks: test_parallel.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.distributed as dist
from torch import nn

from seatrial.train.agreement import ranks_agree, replicas_agree

pytestmark = [pytest.mark.torch, pytest.mark.usefixtures("group")]


def model() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 4), nn.RMSNorm(4))


def answers(monkeypatch: pytest.MonkeyPatch, *ranks: tuple[Any, ...], ask: Callable[..., bool] = ranks_agree) -> bool:
    """What `ask` says of several replicas, each asked in turn as if it were a rank."""
    told: list[Any] = []

    def collect(everyone: list[Any], mine: Any, group: None) -> None:
        told.append(mine)
        everyone[:] = told + [mine] * (len(ranks) - len(told))

    monkeypatch.setattr(dist, "get_world_size", lambda: len(ranks))
    monkeypatch.setattr(dist, "all_gather_object", collect)
    return [ask(*rank) for rank in ranks][-1]


def test_one_rank_agrees_with_itself() -> None:
    assert ranks_agree(model(), 10, 2.5)
    assert ranks_agree(model(), 10, float("nan"))


def test_equal_replicas_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    assert answers(monkeypatch, (model(), 10, 2.5), (model(), 10, 2.5))


def test_one_bit_of_one_weight_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    other = model()
    weight = other[0].weight.detach()
    weight.view(torch.int32)[2, 3] ^= 1
    assert torch.allclose(weight, model()[0].weight)
    assert not answers(monkeypatch, (model(), 10, 2.5), (other, 10, 2.5))


def test_another_step_or_loss_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not answers(monkeypatch, (model(), 10, 2.5), (model(), 11, 2.5))
    assert not answers(monkeypatch, (model(), 10, 2.5), (model(), 10, 2.5000000000000004))


def test_weights_that_are_not_numbers_are_compared_by_their_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = [model(), model()]
    with torch.no_grad():
        for replica in broken:
            replica[0].weight[0, 0] = float("nan")
    assert answers(monkeypatch, *((replica, 1, float("nan")) for replica in broken))


# --- replicas of models that are split without DTensor ---


def test_only_ranks_at_the_same_place_hold_the_same_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = torch.ones(3), torch.full((3,), 2.0)
    ranks = [(10, 2.5, {"tensor": 0}, [one]), (10, 2.5, {"tensor": 1}, [two])] * 2
    places = [(step, loss, (place["tensor"], "stage 0"), tensors) for step, loss, place, tensors in ranks]
    assert answers(monkeypatch, *places, ask=replicas_agree)
    wrong = [*places[:3], (10, 2.5, (1, "stage 0"), [one])]
    assert not answers(monkeypatch, *wrong, ask=replicas_agree)
    assert not answers(monkeypatch, *((10, 2.5, (), t) for t in ([one, one], [one, two])), ask=replicas_agree)


def test_the_loss_is_the_same_at_all_places(monkeypatch: pytest.MonkeyPatch) -> None:
    ranks = [(10, loss, place, []) for place, loss in enumerate((2.5, 2.5000000000000004))]
    assert not answers(monkeypatch, *ranks, ask=replicas_agree)
    assert not answers(monkeypatch, (10, 2.5, 0, []), (11, 2.5, 1, []), ask=replicas_agree)


KINDS = (torch.float64, torch.float32, torch.bfloat16, torch.float16, torch.float8_e4m3fn, torch.int64, torch.bool)


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_any_kind_of_tensor_is_compared(monkeypatch: pytest.MonkeyPatch, kind: torch.dtype) -> None:
    def tensors(value: float) -> list[torch.Tensor]:
        scalar = torch.tensor(value).to(kind)
        return [scalar, torch.empty(0, dtype=kind), torch.zeros(4, 3).to(kind).T]

    same, other = [(1, 1.0, (), tensors(1.0)) for _ in range(2)], (1, 1.0, (), tensors(0.0))
    assert answers(monkeypatch, *same, ask=replicas_agree)
    assert not answers(monkeypatch, same[0], other, ask=replicas_agree)


def test_tensors_may_come_one_by_one_and_need_no_gradient() -> None:
    weight = nn.Parameter(torch.ones(2, 2))
    assert replicas_agree(1, 1.0, (), (tensor for tensor in (weight, weight.T)))
