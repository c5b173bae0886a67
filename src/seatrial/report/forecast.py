"""What is expected of a job, in sections: memory, time, and what they rest on."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from seatrial.expected import Faster
from seatrial.forecast.expectation import Expectation
from seatrial.forecast.fitting import Change, Fit
from seatrial.forecast.interval import Interval
from seatrial.forecast.job import Forecast
from seatrial.forecast.memory import Memory
from seatrial.forecast.step import COMPONENTS, Step
from seatrial.hardware import GIB
from seatrial.report.document import Section, Table
from seatrial.report.format import duration, percent, quantity
from seatrial.workload import Workload

MEMORY = {
    "parameters": "parameters",
    "gradients": "gradients",
    "optimizer": "optimizer's states",
    "activations": "activations",
    "logits": "logits and loss",
    "gathered": "gathered weights, whole gradients",
    "allocator": "reserved, not handed out",
    "communication": "buffers of communicators",
    "context": "context of the device",
}
"""Component of Memory -> its name on the page."""
TIME = {
    "products": "matrix products",
    "attention": "attention",
    "memory": "passes over memory",
    "launch": "waiting for the host's launches",
    "tensor": "tensor-parallel communication",
    "context": "context-parallel communication",
    "expert": "expert-parallel communication",
    "pipeline": "between pipeline stages",
    "shard": "gathering and reducing shards",
    "data": "reducing gradients once a step",
    "bubble": "pipeline bubble",
    "optimizer": "optimizer",
    "host": "host, once a step",
}
"""Component of Step -> its name on the page. Communication is what is not hidden behind computation."""


def sections(found: Forecast) -> Iterator[Section]:
    """All that there is to say."""
    yield from _memory(found)
    if found.pace is not None:
        yield _time(found.pace, found.workload)
    if found.unknown:
        yield Section(title="Not known", paragraphs=tuple(f"{part}: {why}" for part, why in found.unknown.items()))


def faster_section(found: Sequence[Faster]) -> Iterator[Section]:
    """Arguments that would make it faster; nothing where there are none."""
    if found:
        rows = tuple((f"--set {one.setting}", percent(one.gain)) for one in found)
        table = Table(headers=("by the model", "more tokens/s"), rows=rows, numeric=frozenset({1}))
        yield Section(title="What would be faster", tables=(table,))


def in_words(fit: Fit) -> str:
    """``memory fits: 61 of 80 GiB (55 to 67)``"""
    need, there = fit.bytes * (1 / GIB), fit.available / GIB
    return f"memory {fit.verdict}: {need.expected:.3g} of {there:.3g} GiB ({need.low:.3g} to {need.high:.3g})"


def unit_of(largest: float) -> tuple[float, str]:
    """Bytes and name of the unit for a memory of that size."""
    return (GIB, "GiB") if largest >= GIB else (2**20, "MiB")


def each(pace: Expectation) -> str:
    """What its rates are of: on CPUs there are no accelerators."""
    return "rank" if math.isnan(pace.step.peak) else "accelerator"


def between(found: Interval) -> str:
    return f"{quantity(found.expected)} ({quantity(found.low)} to {quantity(found.high)})"


def parts_of(pace: Expectation) -> dict[str, float]:
    """Component of a step -> its seconds, as expected; those that do not count are left out."""
    factor = pace.seconds.expected / float(pace.step.seconds)
    seconds = {name: float(getattr(pace.step, name)) * factor for name in COMPONENTS}
    return {name: value for name, value in seconds.items() if value >= 0.0005 * pace.seconds.expected}


def _memory(found: Forecast) -> Iterator[Section]:
    stages = _shown(found)
    names = [f"stage {index}" if len(found.stages) > 1 else "each rank" for index in stages]
    held = [found.stages[index] for index in stages]
    unit, name = unit_of(max(float(one.total) for one in held))
    rows = [
        (title, *(f"{getattr(one, part) / unit:.2f}" for one in held))
        for part, title in MEMORY.items()
        if any(getattr(one, part) for one in held)
    ]
    for title in ("allocated", "reserved", "total"):
        rows.append((title, *(f"{getattr(one, title) / unit:.2f}" for one in held)))
    told = []
    if found.fit is not None:
        where = f", decided by stage {found.fit.stage}" if len(found.stages) > 1 else ""
        told.append(f"M{in_words(found.fit)[1:]}{where}.")
        if found.fit.unknown:
            told.append(f"Not counted, so that this is the least: {', '.join(found.fit.unknown)}.")
    tables = [Table(headers=(name, *names), rows=tuple(rows), numeric=frozenset(range(1, len(names) + 1)))]
    if found.changes:
        tables.append(_changes(found.changes))
    yield Section(title="Memory of a rank", paragraphs=tuple(told), tables=tuple(tables))


def _shown(found: Forecast) -> list[int]:
    """The first stage, the one that decides, and the last."""
    last = len(found.stages) - 1
    return sorted({0, last, *([found.fit.stage] if found.fit else [])})


def _changes(found: tuple[Change, ...]) -> Table:
    rows = tuple(
        (
            " and ".join(one.names),
            f"{one.fit.bytes.expected / GIB:.3g} GiB",
            "" if one.price is None else f"{'+' if one.price >= 0 else '-'}{duration(abs(one.price))} a step",
        )
        for one in found
    )
    return Table(headers=("would fit with", "memory", "price"), rows=rows, numeric=frozenset({1, 2}))


def _time(pace: Expectation, workload: Workload) -> Section:
    step = pace.step
    factor = float(step.tokens_per_second) / pace.tokens_per_second.expected
    whole = pace.seconds.expected
    rows = [(TIME[name], duration(seconds), percent(seconds / whole)) for name, seconds in parts_of(pace).items()]
    rows.append(("step", duration(whole), ""))
    rate = pace.tokens_per_second
    told = (
        f"{between(rate)} tokens/s per {each(pace)}, {between(rate * float(step.accelerators))} in all: four times in "
        f"five it lies between. {_flops(step, factor, workload)}",
        _rests(pace, factor),
    )
    return Section(
        title="Time of a step",
        paragraphs=told,
        tables=(Table(headers=("part", "time", "share"), rows=tuple(rows), numeric=frozenset({1, 2})),),
    )


def _flops(step: Step, factor: float, workload: Workload) -> str:
    """Shares of the peak and FLOP/s; of adapters the hardware's alone: conventions count gradients of all weights."""
    computed = f"HFU {percent(float(step.hfu) / factor)}"
    if workload.frozen:
        return f"{computed}."
    per_second = ", ".join(
        f"{quantity(float(step.flops_per_second(name)) / factor, 'FLOP/s')} ({name})" for name in step.flops
    )
    if math.isnan(step.peak):
        return f"{per_second} per rank."
    reached = ", ".join(f"{percent(float(step.mfu(name)) / factor)} ({name})" for name in step.flops)
    return f"MFU {reached}, {computed}; {per_second} per accelerator."


def _rests(pace: Expectation, factor: float) -> str:
    if math.isnan(pace.step.peak):
        return f"It is the sum of what each part took where it was measured: {'; '.join(pace.evidence)}."
    if not pace.evidence:
        return "Nothing measured is much like it: it rests on the model, and on what all measurements have in common."
    model = f"The model alone says {duration(float(pace.step.seconds))}; measurements nearest to this job:"
    return f"{model} {'; '.join(pace.evidence[:3])}."


def as_record(found: Forecast) -> dict[str, Any]:
    """What its JSON holds: bytes and seconds."""
    record: dict[str, Any] = {
        "memory": {"stages": [_bytes(one) for one in found.stages]},
        "unknown": dict(found.unknown),
    }
    if found.fit is not None:
        record["memory"] |= {
            "verdict": found.fit.verdict,
            "stage": found.fit.stage,
            "available": found.fit.available,
            "bytes": interval(found.fit.bytes),
            "not_counted": list(found.fit.unknown),
            "changes": [
                {"names": list(c.names), "bytes": c.fit.bytes.expected, "seconds": c.price} for c in found.changes
            ],
        }
    if found.pace is not None:
        step = found.pace.step
        record["time"] = {
            "model": {name: float(getattr(step, name)) for name in COMPONENTS} | {"step": float(step.seconds)},
            "tokens_per_second": interval(found.pace.tokens_per_second),
            "step": found.pace.seconds.expected,
            "accelerators": float(step.accelerators),
            "evidence": list(found.pace.evidence),
        }
    return record


def _bytes(one: Memory) -> dict[str, float]:
    sums = ("allocated", "reserved", "total")
    return {name: float(getattr(one, name)) for name in (*MEMORY, *sums)}


def interval(found: Interval) -> dict[str, float]:
    """An interval in JSON."""
    return {"low": found.low, "expected": found.expected, "high": found.high}
