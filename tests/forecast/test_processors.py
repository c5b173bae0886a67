"""A step as the sum of measured parts: by hand, and what is refused."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from seatrial.cases import fsdp
from seatrial.forecast import processors
from seatrial.forecast.job import forecast
from seatrial.forecast.measured import Curve, Rates
from seatrial.forecast.step import COMPONENTS
from seatrial.models import DEEPSEEK, GPT, LLAMA
from seatrial.spec import Layout
from seatrial.workload import UNIT_BYTES, Workload

AXES = {"product": 3, "attention": 2, "gather": 2, "reduce": 2, "optimizer": 2}


def rates(ranks: int = 2, **seconds: float) -> Rates:
    """Parts that take as long whatever their shape is, forward and backward: 0 but for those that are given."""
    names = ("product", "attention", "norm", "activation", "rotation", "sum", "loss", "embedding",
             "gather", "reduce", "optimizer", "host")  # fmt: skip
    curves = {}
    for name in names:
        shapes = list(itertools.product((1, 10**9), repeat=AXES.get(name, 1)))
        each = [seconds.get(name, 1e-12)] * len(shapes)
        curves[name] = Curve.of(shapes, each, each)
    return Rates(source="a measurement", ranks=ranks, dtype="fp32", curves=curves)


def tiny(processes: int = 2, **changes: object) -> Workload:
    args = replace(fsdp.CASE.recipe("tiny").args, **changes)
    return fsdp.workload(args, Layout(nodes=1, processes_per_node=processes, device="cpu"))


def test_each_part_is_counted_as_often_as_the_model_has_it() -> None:
    """4 blocks; 8 sequences in micro-batches of 2 on 2 ranks: 2 micro-batches; one unit, which is reduced once."""
    job = tiny()
    assert job.micro_batches == 2

    def of(part: str) -> dict[str, float]:
        found = processors.step(job, rates(**{part: 1.0}))
        return {name: round(float(getattr(found, name)), 6) for name in COMPONENTS if getattr(found, name) > 1e-6}

    assert of("product") == {"products": 2 * (4 * 7 + 1) * 2}
    assert of("attention") == {"attention": 2 * 4 * 2 * 2 * 4 / 8}  # 2 sequences of 4 heads; eight were measured
    assert of("norm") == {"memory": 2 * (4 * 2 + 1) * 2}
    assert of("activation") == {"memory": 2 * 4 * 2} and of("rotation") == {"memory": 2 * 4 * 2 * 2}
    assert of("sum") == {"memory": 2 * 4 * (2 + 5) + (4 * 9 + 3)}
    assert of("loss") == of("embedding") == {"memory": 2 * 2}
    assert of("gather") == {"shard": 2} and of("reduce") == {"shard": 1}
    assert of("optimizer") == {"optimizer": 1} and of("host") == {"host": 1}


def test_what_is_computed_again_is_computed_again() -> None:
    once, kept, twice = (
        processors.step(tiny(recompute=how), rates(product=1.0, norm=1.0)) for how in ("none", "selective", "full")
    )
    assert twice.products - once.products == pytest.approx(2 * 4 * 7) and kept.products == once.products
    assert kept.memory == twice.memory == pytest.approx(once.memory + 2 * 4 * 2)


def test_units_of_a_larger_model_are_gathered_in_both_passes() -> None:
    model = replace(LLAMA["tiny"], hidden_size=1024, intermediate_size=4096, num_layers=6, num_heads=8)
    job = replace(tiny(global_batch_size=4), model=model, parameters=model.parameters())
    assert 4 * model.feed_forward_parameters() > UNIT_BYTES and job.micro_batches == 1
    assert processors.step(job, rates(gather=1.0)).shard == pytest.approx(1 + 6 * 2)
    assert processors.step(job, rates(reduce=1.0)).shard == pytest.approx(1 + 6)
    kept = replace(job, reshard_after_forward=False)
    assert processors.step(kept, rates(gather=1.0)).shard == pytest.approx(1 + 6)
    small = replace(model, hidden_size=512, intermediate_size=1024)
    together = replace(job, model=small, parameters=small.parameters())
    block = small.attention_parameters() + small.feed_forward_parameters()
    assert UNIT_BYTES / 2 < 4 * block < UNIT_BYTES
    assert processors.step(together, rates(reduce=1.0)).shard == pytest.approx(1 + 3)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"framework": "MaxText"}, "of MaxText nothing was measured"),
        ({"model": LLAMA["mixtral-8x7b"]}, "mixtures of experts"),
        ({"model": next(iter(GPT.values()))}, "only models with rotary positions"),
        ({"model": next(iter(DEEPSEEK.values()))}, "only plain decoders"),
        ({"model": None}, "only plain decoders"),
        ({"compiled": True}, "compiled programs"),
        ({"sharded": ("optimizer",)}, "only sharding by FSDP2"),
        ({"compute": "bf16"}, "measured was fp32, not bf16"),
    ],
)
def test_what_was_not_measured_is_not_known(changes: dict[str, object], said: str) -> None:
    found = forecast(replace(tiny(), **changes), None, 2**34, year=2026.9, rates=rates())  # type: ignore[arg-type]
    assert found.pace is None and said in found.unknown["time"]


def test_other_numbers_of_ranks_are_not_known() -> None:
    found = forecast(tiny(4), None, 2**34, year=2026.9, rates=rates(2))
    assert found.unknown["time"] == "measured were 2 ranks, not 4"


def test_without_rates_the_remedy_is_named() -> None:
    found = forecast(tiny(), None, 2**34, year=2026.9, rates="do this")
    assert found.unknown["time"] == "the rates of its processors are not known: do this"


def test_the_interval_holds_what_is_expected_and_says_what_it_rests_on() -> None:
    found = forecast(tiny(), None, 2**34, year=2026.9, rates=rates(product=1e-3)).pace
    assert found is not None and found.evidence == ("a measurement",)
    rate, tokens = found.tokens_per_second, 8 * 256
    assert rate.low < rate.expected < rate.high
    assert rate.expected == pytest.approx(tokens / float(found.step.seconds) / 2)
