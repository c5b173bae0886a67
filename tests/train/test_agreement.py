"""Whether all ranks hold the same state: what one rank can say. Two ranks: test_parallel.py."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.distributed as dist
from torch import nn

from seatrial.train.agreement import ranks_agree

pytestmark = [pytest.mark.torch, pytest.mark.usefixtures("group")]


def model() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 4), nn.RMSNorm(4))


def answers(monkeypatch: pytest.MonkeyPatch, *ranks: tuple[nn.Module, int, float]) -> bool:
    """What `ranks_agree` says of several replicas, each asked in turn as if it were a rank."""
    told: list[Any] = []

    def collect(everyone: list[Any], mine: Any) -> None:
        told.append(mine)
        everyone[:] = told + [mine] * (len(ranks) - len(told))

    monkeypatch.setattr(dist, "get_world_size", lambda: len(ranks))
    monkeypatch.setattr(dist, "all_gather_object", collect)
    return [ranks_agree(*rank) for rank in ranks][-1]


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
