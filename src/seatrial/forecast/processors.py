"""The time of a training step where every part of it was measured: on CPUs, by the case `rates`.

A sum, as on accelerators, but of curves: what a part takes of that shape, forward and backward, with all ranks at work
at once, so that what ranks of a machine take from each other is in the figures. Nothing is hidden: on CPUs nothing is
started ahead, and gloo takes the cores that compute.
"""

from __future__ import annotations

import math

import numpy as np

from seatrial.forecast.expectation import Expectation
from seatrial.forecast.interval import Interval
from seatrial.forecast.measured import HEADS, Floats, Rates
from seatrial.forecast.step import Step
from seatrial.models import Decoder
from seatrial.workload import Workload

RESIDUALS, MEETING = 2, 5
"""Sums of a block: of its residuals, forward; and backward of gradients that meet, where something was used twice: of
both residuals, of the input of queries, keys and values, and of gate and up."""
WITHIN = 1.25
"""Factor on both sides that holds four steps in five: 41 of 46 jobs on one, two and four processes of three virtual
machines, whose own steps repeat within a fifth at best (benchmarks/forecast_cpu.py, docs/forecast.md)."""
NORMS = 2
"""Of a block."""


def refusals(workload: Workload, rates: Rates) -> list[str]:
    """What of a job was not measured, so that its time is not known."""
    model, degrees = workload.model, workload.degrees
    if type(model) is not Decoder or workload.sequence_length is None:  # those derived of it have other layers
        return ["only plain decoders were measured"]
    split = degrees.tensor * degrees.pipeline * degrees.context * degrees.expert > 1
    whole = workload.sharded == ("parameters", "gradients", "optimizer") and degrees.shard == degrees.data
    said = {
        f"of {workload.framework} nothing was measured, only PyTorch's own operations": bool(workload.framework),
        "mixtures of experts were not measured": model.num_experts > 0,
        "only models with rotary positions, RMSNorm and SwiGLU were measured": (
            (model.positions, model.norm, model.gated) != ("rotary", "rms", True)
        ),
        "compiled programs were not measured": workload.compiled,
        "only sharding by FSDP2 over all ranks was measured": split or not whole,
        f"measured were {rates.ranks} ranks, not {degrees.data}": rates.ranks != degrees.data,
        f"measured was {rates.dtype}, not {workload.compute}": rates.dtype != workload.compute,
    }
    return [why for why, holds in said.items() if holds]


def expect(workload: Workload, rates: Rates) -> Expectation:
    """The forecast of that workload on those ranks. ValueError, with what was not measured."""
    found = step(workload, rates)
    rate = float(found.tokens_per_second)
    return Expectation(
        step=found, tokens_per_second=Interval(rate / WITHIN, rate, rate * WITHIN), evidence=(rates.source,)
    )


def step(workload: Workload, rates: Rates) -> Step:
    """The step of that workload on those ranks. ValueError, with what was not measured."""
    refused = refusals(workload, rates)
    model, length = workload.model, workload.sequence_length
    if refused or not isinstance(model, Decoder) or length is None:
        raise ValueError("; ".join(refused))
    again = float(workload.recompute == "full")  # of products and attention; passes also where it is selective
    blocks = np.array([1.0 + again, 1.0]) * model.num_layers
    passed = np.array([1.0 + (workload.recompute != "none"), 1.0]) * model.num_layers
    products = _products(model, workload.micro_batch_size * length, rates, blocks)
    passes = _passes(model, workload.micro_batch_size * length, rates, passed)
    attention = _attention(model, workload.micro_batch_size, length, rates)
    count = workload.micro_batches
    tokens = float(workload.global_batch_size * length)
    return Step(
        products=count * products,
        attention=count * float(blocks @ attention),
        memory=count * passes + _accumulated(model, workload, rates),
        launch=0.0,
        tensor=0.0,
        context=0.0,
        expert=0.0,
        pipeline=0.0,
        shard=_shards(model, workload, rates),
        data=0.0,
        bubble=0.0,
        optimizer=_forward(rates, "optimizer", _tensors(model) * model.num_layers + 3, model.parameters()),
        host=_forward(rates, "host", rates.ranks),
        tokens=tokens,
        accelerators=float(rates.ranks),
        flops={name: tokens * flops for name, flops in workload.flops_per_token().items()},
        computed=tokens * workload.flops_per_token()["causal"] * (3 + again) / 3,
        peak=math.nan,
    )


def _forward(rates: Rates, part: str, *shape: float) -> float:
    return float(rates.seconds(part, *shape)[0])


def _products(model: Decoder, tokens: float, rates: Rates, blocks: Floats) -> float:
    """Seconds of all products. `blocks`: how many are passed forward, and backward."""
    width, kv, inner = model.hidden_size, model.kv_size, model.intermediate_size
    attention = (width, width), (width, kv), (width, kv), (width, width)
    network = (width, inner), (width, inner), (inner, width)
    found = sum((rates.seconds("product", tokens, *matrix) for matrix in (*attention, *network)), np.zeros(2))
    return float(blocks @ found + rates.seconds("product", tokens, width, model.vocab_size).sum())


def _passes(model: Decoder, tokens: float, rates: Rates, blocks: Floats) -> float:
    """Seconds of all that passes over memory, likewise."""
    width, kv, inner = model.hidden_size, model.kv_size, model.intermediate_size
    norm, one = rates.seconds("norm", tokens * width), _forward(rates, "sum", tokens * width)
    found = (
        NORMS * norm
        + rates.seconds("activation", tokens * inner)
        + rates.seconds("rotation", tokens * width)
        + rates.seconds("rotation", tokens * kv)
        + np.array([RESIDUALS * one, MEETING * one])
    )
    once = norm + rates.seconds("loss", tokens * model.vocab_size)
    table = rates.seconds("embedding", model.vocab_size * width)
    return float(blocks @ found + once.sum() + table.sum())


def _attention(model: Decoder, sequences: float, length: float, rates: Rates) -> Floats:
    """Of one block."""
    found: Floats = rates.seconds("attention", length, model.head_dim) * sequences * model.num_heads / HEADS
    return found


def _tensors(model: Decoder) -> int:
    """Parameters of a block."""
    return 7 + NORMS


def _accumulated(model: Decoder, workload: Workload, rates: Rates) -> float:
    """Seconds in which a micro-batch's gradients are added to those of the ones before."""
    tensors = _tensors(model) * model.num_layers + 3
    return (workload.micro_batches - 1) * tensors * _forward(rates, "sum", model.parameters() / tensors)


def _shards(model: Decoder, workload: Workload, rates: Rates) -> float:
    """Seconds of gathering and reducing, by units as our own programs make them (seatrial.train.parallel.units)."""
    block = model.attention_parameters() + model.feed_forward_parameters() + NORMS * model.hidden_size
    together = max(1, math.ceil(workload.unit_bytes / (4 * block)))
    units = 0 if together > model.num_layers else math.ceil(model.num_layers / together)
    layers_in_root = 0 if units else model.num_layers
    each = _tensors(model) * together, block * together
    root = 3 + _tensors(model) * layers_in_root, model.parameters() - (block * model.num_layers if units else 0)
    gathers = units * (2 if workload.reshard_after_forward else 1)
    gathered = _forward(rates, "gather", *root) + gathers * _forward(rates, "gather", *each)
    reduced = _forward(rates, "reduce", *root) + units * _forward(rates, "reduce", *each)
    times = 1 if workload.accumulate_whole else workload.micro_batches
    return workload.micro_batches * gathered + times * reduced
