"""What holds of every job: monotone in memory, recomputation, links and nodes; the same in every unit."""

from __future__ import annotations

from dataclasses import asdict, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.forecast import activations, fitting, memory, stages
from seatrial.forecast.expectation import expect
from seatrial.forecast.memory import Memory
from seatrial.forecast.step import step
from seatrial.forecast.traffic import Place
from seatrial.workload import States, Workload
from tests.forecast.jobs import PLACES, jobs

several = settings(deadline=None, max_examples=40)
few = settings(deadline=None, max_examples=15)
NOTHING = States(parameters=0, gradients=0, optimizer=0)
VERDICTS = ("does not fit", "tight", "unknown", "fits")


@several
@given(jobs(), st.floats(0.5, 2), st.floats(1, 3))
def test_more_memory_never_makes_the_verdict_worse(job: Workload, share: float, factor: float) -> None:
    available = share * fitting.fit(job, 0).bytes.expected
    little, much = fitting.fit(job, available), fitting.fit(job, factor * available)
    assert VERDICTS.index(much.verdict) >= VERDICTS.index(little.verdict)
    assert little.bytes == much.bytes, "what it needs is not a matter of what there is"


@several
@given(jobs())
def test_more_recomputation_never_keeps_more_and_never_needs_more(job: Workload) -> None:
    """But for the input of the layer in work, which is kept twice where a norm is no kernel of its own."""
    degrees = [replace(job, recompute=recompute) for recompute in ("none", "selective", "full")]
    kept = [[_kept(each, index) for index in range(job.degrees.pipeline)] for each in degrees]
    needed = [[stage.allocated for stage in memory.by_stage(each)] for each in degrees]
    inputs = activations.tokens(job) * job.model.hidden_size * activations.width_bytes(job) / activations.between(job)
    for less, more in ((0, 1), (1, 2)):
        assert all(after <= before for before, after in zip(kept[less], kept[more], strict=True))
        for before, after in zip(needed[less], needed[more], strict=True):
            assert after <= before * (1 + 1e-9) + inputs


def _kept(job: Workload, index: int) -> float:
    return float(activations.kept(job, job.model, stages.stage(job, job.model, index)))


@several
@given(jobs(), PLACES, st.sampled_from(("inside", "between")), st.floats(1, 20))
def test_slower_links_never_make_a_job_faster(job: Workload, place: Place, link: str, slower: float) -> None:
    assert _speed(job, _with(place, link, 1 / slower)) <= _speed(job, place) * (1 + 1e-9)


@several
@given(jobs(), PLACES, st.floats(1, 20))
def test_a_network_that_answers_later_never_makes_a_job_faster(job: Workload, place: Place, slower: float) -> None:
    assert _speed(job, _with(place, "hop", slower)) <= _speed(job, place) * (1 + 1e-9)


@few
@given(jobs(), PLACES, st.sampled_from(("inside", "between")), st.floats(1, 20))
def test_what_is_expected_does_not_rise_with_slower_links_either(
    job: Workload, place: Place, link: str, slower: float
) -> None:
    """What measurements say beyond the model depends on the shares of a step, which links change: by a thousandth."""
    fast, slow = (
        expect(job, there, year=2026.0).tokens_per_second.expected for there in (place, _with(place, link, 1 / slower))
    )
    assert slow <= fast * 1.001


def _with(place: Place, link: str, times: float) -> Place:
    return replace(place, links=replace(place.links, **{link: times * getattr(place.links, link)}))


def _speed(job: Workload, place: Place) -> float:
    return float(step(job, place).tokens_per_second)


@several
@given(jobs(data=(16, 64)), PLACES, st.sampled_from((2, 4, 16)))
def test_more_nodes_of_the_same_batch_never_give_fewer_tokens_in_all(job: Workload, place: Place, times: int) -> None:
    degrees = job.degrees
    shard = degrees.shard * times if job.sharded else 1
    more = replace(
        job,
        global_batch_size=times * job.global_batch_size,
        degrees=replace(degrees, data=times * degrees.data, shard=shard),
    )
    one, other = step(job, place), step(more, place)
    assert other.tokens == times * one.tokens and other.accelerators == times * one.accelerators
    assert float(other.tokens / other.seconds) >= float(one.tokens / one.seconds) * (1 - 1e-9)


@several
@given(jobs(), st.sampled_from((2, 3, 8)))
def test_bytes_are_counted_once_for_each_token_and_each_number(job: Workload, times: int) -> None:
    """As many times the tokens of a micro-batch keep as many times the bytes, and states of as many times the width."""
    larger = replace(job, micro_batch_size=times * job.micro_batch_size)
    for index in range(job.degrees.pipeline):
        at = stages.stage(job, job.model, index)
        assert activations.kept(larger, job.model, at) == pytest.approx(times * activations.kept(job, job.model, at))
        assert memory._logits(larger, job.model, at) == pytest.approx(times * memory._logits(job, job.model, at))
        wide = States(**{name: times * size for name, size in asdict(job.states).items()})
        once, wider = (memory._resting(replace(job, states=each), job.model, at) for each in (job.states, wide))
        frozen = memory._resting(replace(job, states=NOTHING), job.model, at).parameters
        assert wider.gradients == pytest.approx(times * once.gradients)
        assert wider.optimizer == pytest.approx(times * once.optimizer)
        assert wider.parameters - frozen == pytest.approx(times * (once.parameters - frozen))


@several
@given(jobs(), PLACES, st.sampled_from((2, 3, 8)))
def test_seconds_are_of_all_micro_batches_and_rates_of_one_second(job: Workload, place: Place, times: int) -> None:
    more = replace(job, global_batch_size=times * job.global_batch_size)
    one, other = step(job, place), step(more, place)
    for name in ("products", "attention", "memory", "tensor", "context", "expert", "pipeline", "shard"):
        assert float(getattr(other, name)) == pytest.approx(times * float(getattr(one, name)))
    for found in (one, other):
        rate = float(found.tokens_per_second) * float(found.accelerators)
        assert rate * float(found.seconds) == pytest.approx(float(found.tokens))
        for name, flops in job.flops_per_token().items():
            assert float(found.flops_per_second(name) * found.accelerators) == pytest.approx(rate * flops)


def test_sums_of_memory_have_each_component_once() -> None:
    parts = {name: float(2**power) for power, name in enumerate(Memory.__dataclass_fields__)}
    found = Memory(**parts)
    assert found.total == sum(parts.values())
    assert found.reserved == found.total - found.communication - found.context
    assert found.allocated == found.reserved - found.allocator
