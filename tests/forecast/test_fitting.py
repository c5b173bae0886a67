"""Verdicts and changes."""

from __future__ import annotations

import sys
from dataclasses import replace

import pytest

from seatrial.forecast import fitting
from seatrial.forecast.published import PUBLISHED
from seatrial.hardware import GIB
from seatrial.models import LLAMA
from tests.forecast.published_memory import H100, OUT_OF_MEMORY, ROWS
from tests.forecast.test_memory import MEGATRON, WHOLE

ORDER = ("does not fit", "tight", "unknown", "fits")


def test_each_verdict_and_its_bounds():
    found = fitting.fit(WHOLE, 80 * GIB)
    expected = found.bytes.expected
    assert fitting.fit(WHOLE, expected / 0.8 * 1.001).verdict == "fits"
    assert fitting.fit(WHOLE, expected / 0.8 * 0.999).verdict == "tight"
    assert fitting.fit(WHOLE, found.bytes.low * 1.001).verdict == "tight"
    assert fitting.fit(WHOLE, found.bytes.low * 0.999).verdict == "does not fit"


def test_one_layout_needs_no_numpy(monkeypatch):
    """bind asks for it wherever Seatrial is installed, also without what training needs."""
    monkeypatch.setitem(sys.modules, "numpy", None)
    for job in (WHOLE, MEGATRON, replace(WHOLE, model=LLAMA["mixtral-8x7b"], accumulate_whole=True)):
        assert fitting.fit(job, 80 * GIB).verdict in ORDER
        fitting.changes(job, 80 * GIB)


def test_a_model_of_unknown_shape_is_a_bound_from_below():
    unknown = replace(WHOLE, model=None)
    found = fitting.fit(unknown, 80 * GIB)
    assert found.verdict == "unknown" and found.unknown == ("activations", "logits", "gathered")
    assert fitting.fit(unknown, 30 * GIB).verdict == "does not fit"


def test_what_a_gated_delta_rule_keeps_nobody_says():
    model = PUBLISHED["qwen3-next-80b-a3b"]
    found = fitting.fit(replace(MEGATRON, model=model, parameters=model.parameters()), 2000 * GIB)
    assert found.verdict == "unknown" and found.unknown == ("activations",)


def test_the_interval_is_never_below_what_the_states_take():
    states = replace(MEGATRON, micro_batch_size=1, sequence_length=1, logit_bytes=0.0)
    found = fitting.fit(states, 80 * GIB, on_gpu=False)
    assert found.bytes.low == pytest.approx(found.memory.states)
    assert found.bytes.low > 0.9 * found.bytes.expected


def test_no_published_run_is_said_not_to_fit():
    assert {fitting.fit(row.workload, row.available).verdict for row in ROWS} == {"fits", "tight"}


def test_a_published_run_that_ran_out_of_memory_is_not_said_to_fit():
    assert fitting.fit(OUT_OF_MEMORY, H100).verdict == "tight"


def test_the_interval_covers_what_was_published():
    within = [abs(row.measured / expected - 1) <= fitting.UNSURE for row, expected in _expected()]
    assert sum(within) >= 0.8 * len(within)


def _expected():
    from tests.forecast.test_memory import _forecast

    return [(row, _forecast(row)) for row in ROWS]


def test_changes_fit_and_keep_ranks_and_batch():
    job = replace(WHOLE, micro_batch_size=2, global_batch_size=64)
    assert fitting.fit(job, 80 * GIB).verdict == "does not fit"
    found = fitting.changes(job, 80 * GIB)
    assert found and all(change.fit.verdict == "fits" for change in found)
    for change in found:
        degrees = change.workload.degrees
        assert degrees.tensor * degrees.pipeline * degrees.context * degrees.data == 32
        assert change.workload.global_batch_size == 64
        assert degrees.shard <= degrees.data * degrees.context


def test_single_changes_come_before_pairs():
    job = replace(WHOLE, model=LLAMA["llama3.1-8b"], parameters=8_030_261_248, micro_batch_size=2, global_batch_size=64)
    found = fitting.changes(job, 80 * GIB, at_most=99)
    assert ("full recomputation",) in [change.names for change in found]
    assert {len(change.names) for change in found} == {1}
    assert {change.names for change in fitting.changes(job, 80 * GIB, kinds=("recompute",))} == {
        ("full recomputation",)
    }
    assert not fitting.changes(job, 80 * GIB, kinds=())


def test_nothing_is_changed_twice_at_once():
    kinds = {move.name: move.kind for move in fitting._moves(WHOLE)}
    pairs = [names for names, _ in fitting._combined(WHOLE, list(fitting._moves(WHOLE)), 2)]
    assert ("full recomputation", "tensor parallelism of 2") in pairs
    assert all(kinds[one] != kinds[other] for one, other in pairs)


def test_changes_are_sorted_by_their_price():
    job = replace(
        WHOLE, model=LLAMA["llama3.1-8b"], parameters=8_030_261_248, micro_batch_size=4, global_batch_size=128
    )
    asked = []

    def price(workload):
        asked.append(workload)
        return -float(len(asked))  # the last is the cheapest

    found = fitting.changes(job, 80 * GIB, price=price, at_most=99)
    assert [change.price for change in found] == sorted(-float(count + 1) for count in range(len(asked)))
    assert found[0].workload is asked[-1]


def test_each_kind_of_change_is_proposed_where_it_helps():
    """With every other kind taken away, each of them makes something fit that did not."""
    small = replace(WHOLE, model=LLAMA["llama3.1-8b"], parameters=8_030_261_248, recompute="full")
    mixture = replace(MEGATRON, model=LLAMA["mixtral-8x7b"], parameters=LLAMA["mixtral-8x7b"].parameters())
    jobs = {
        "accumulate": replace(WHOLE, accumulate_whole=True, global_batch_size=64, recompute="full"),
        "loss": replace(small, micro_batch_size=4, global_batch_size=128),
        "reshard": replace(WHOLE, reshard_after_forward=False, recompute="full"),
        "optimizer": replace(MEGATRON, sharded=(), recompute="full"),
        "shard": replace(WHOLE, degrees=replace(WHOLE.degrees, shard=8), recompute="full"),
        "micro_batch": replace(small, micro_batch_size=4, global_batch_size=128),
        "recompute": replace(WHOLE),
        "expert": mixture,
        "pipeline": MEGATRON,
        "tensor": MEGATRON,
        "context": replace(small, sequence_length=65536),
        "offload": replace(WHOLE, recompute="full"),
    }
    for kind, job in jobs.items():
        now = fitting.fit(job, 1).bytes.expected
        better = [
            move for move in fitting._moves(job)
            if move.kind == kind and (changed := move.make(job)) and fitting.fit(changed, 1).bytes.expected < now
        ]  # fmt: skip
        assert better, kind
