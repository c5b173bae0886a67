"""Checkpoints against published sizes and times."""

from __future__ import annotations

from dataclasses import replace

import pytest

from seatrial.forecast import saves
from seatrial.forecast.saves import Storage
from seatrial.hardware import GIB
from tests.forecast.test_memory import MEGATRON, WHOLE

NOWHERE = Storage(write=None, read=None)


@pytest.mark.parametrize(
    ("parameters", "published"),
    [
        # NVIDIA dgxc-benchmarking, READMEs of the recipes (2025): "GB" there are GiB. BLOOM: arXiv:2211.05100.
        (8.03e9, 105),
        (15.6e9, 204),
        (70.55e9, 920),
        (341e9, 4.4 * 1024),
        (405.85e9, 5.2 * 1024),
        (176.2e9, 2.3 * 1024),
    ],
)
def test_published_sizes(parameters: float, published: float) -> None:
    job = replace(MEGATRON, parameters=int(parameters))
    assert saves.size(job) == pytest.approx(published * GIB, rel=0.025)


def test_gradients_and_what_is_frozen_are_not_saved() -> None:
    assert saves.size(replace(WHOLE, parameters=1000)) == 12_000
    adapters = replace(MEGATRON, parameters=1000, frozen=70_000_000_000)
    assert saves.size(adapters) == 14_000


def test_training_waits_for_the_file_system_or_for_the_copy() -> None:
    """BLOOM's 2.3 TB were written in 40 s by 384 GPUs."""
    bloom = replace(MEGATRON, parameters=176_247_271_424)
    storage = Storage(write=57e9, read=100e9)
    waiting = saves.save(bloom, storage, ranks_per_node=8, to_host=25e9, in_background=False)
    assert waiting.write == waiting.stall == pytest.approx(saves.size(bloom) / 57e9) == pytest.approx(43.3, abs=0.1)
    assert waiting.read == pytest.approx(24.7, abs=0.1) and waiting.on_a_host == 0
    behind = saves.save(bloom, storage, ranks_per_node=8, to_host=25e9, in_background=True)
    assert behind.stall == pytest.approx(behind.of_a_rank / 25e9)
    assert behind.stall < 2
    assert behind.write == waiting.write and behind.on_a_host == 8 * behind.of_a_rank


def test_what_is_not_known_stays_so() -> None:
    for in_background in (False, True):
        found = saves.save(WHOLE, NOWHERE, ranks_per_node=8, to_host=None, in_background=in_background)
        assert (found.write, found.read, found.stall) == (None, None, None)
        assert found.size == 12 * WHOLE.parameters
    assert found.of_a_rank == pytest.approx(12 * WHOLE.parameters / 32)
