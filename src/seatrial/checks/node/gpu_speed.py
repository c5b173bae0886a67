"""A GPU that is slower than its siblings, by FLOP/s and by copies of its own memory, measured with torch."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from seatrial.checks.catalogue import Rule, check
from seatrial.checks.gpus import ALONE, behind, missing
from seatrial.checks.observations import Lines, Source, Unreadable
from seatrial.checks.profile import Profile
from seatrial.findings import Finding, Severity, Verdict

SHARE = 0.95
"""Of the median of the node's GPUs: ml-engineering (stas00), matmul against its siblings, not against a peak."""
GRAVE = 0.8
"""Of the median: below it no job is to go there. Our choice: a fifth of a node's time is worth a repair."""


@dataclass(frozen=True, slots=True)
class Speeds:
    """What the probe measured."""

    flops: Mapping[int, float]
    copies: Mapping[int, float]
    """Bytes a second, read and written."""
    wrong: tuple[int, ...]
    """GPUs whose product was not made of numbers."""
    problem: str = ""
    """Why there is nothing."""


def parse(lines: Lines) -> Speeds:
    """What seatrial.checks.probes.gpu_speed says."""
    flops: dict[int, float] = {}
    copies: dict[int, float] = {}
    wrong: list[int] = []
    total: int | None = None
    for line in lines:
        record = _record(line)
        if "problem" in record:
            return Speeds({}, {}, (), str(record["problem"]))
        if total is not None or record.get("gpu") in [*flops]:
            raise Unreadable("each GPU once, and their number at the end", line)
        if "gpus" in record:
            total = record["gpus"]
            continue
        try:
            gpu = int(record["gpu"])
            flops[gpu], copies[gpu] = float(record["flops"]), float(record["bytes_per_second"])
            if not math.isfinite(flops[gpu] + copies[gpu]):
                raise ValueError("no speed")
            wrong += [] if record["finite"] is True else [gpu]
        except (KeyError, TypeError, ValueError) as error:
            raise Unreadable('a line such as {"gpu": 0, "flops": 7e14, …}', line) from error
    if total != len(flops) or {*flops} != {*range(len(flops))}:
        raise Unreadable('GPUs from 0 on, and a last line {"gpus": …} with their number')
    return Speeds(flops, copies, tuple(wrong))


def _record(line: str) -> dict[str, Any]:
    try:
        record = json.loads(line)
    except ValueError as error:
        raise Unreadable("a line of JSON", line) from error
    if not isinstance(record, dict):
        raise Unreadable("an object", line)
    return record


GPU_SPEED = Source(
    kind="gpu-speed",
    title="how fast each GPU multiplies and copies",
    part="gpu",
    level="full",
    parse=parse,
    command=("python", "-m", "seatrial.checks.probes.gpu_speed"),
    package="seatrial[train]",
    timeout=180.0,
    alone=True,
)


def example(flops: float = 7.1e14, copies: float = 2.6e12) -> str:
    """Eight H100, the last of which has these speeds."""
    usual = {"name": "NVIDIA H100 80GB HBM3", "flops": 7.1e14, "bytes_per_second": 2.6e12, "finite": True}
    records: list[dict[str, Any]] = [{"gpu": gpu, **usual} for gpu in range(8)]
    records[-1] |= {"flops": flops, "bytes_per_second": copies}
    records.append({"gpus": 8, "torch": "2.13.0"})
    return "".join(f"{json.dumps(record)}\n" for record in records)


_REMEDY = "look at gpu.throttled, gpu.power and gpu.temperature; measure again alone; if it stays so, replace the node"
_NEEDS = "install torch for CUDA beside seatrial, in the Python that runs it"
_CITES = "https://github.com/stas00/ml-engineering, compute/accelerator/benchmarks; NVRx 0.7: relative scores"
_EXPECTED = f"{SHARE:.0%} or more of the median of the node's GPUs; below {GRAVE:.0%} no job goes there"


@check(
    "gpu.matmul",
    GPU_SPEED,
    scope="gpu",
    verdicts=(Verdict.PASS, Verdict.FAIL),
    expected=_EXPECTED,
    why="A GPU that computes slower than its siblings holds every job back, and no counter tells.",
    remedy=_REMEDY,
    cites=_CITES,
    good=example(),
    bad=example(flops=6.3e14),
)
def matmul(rule: Rule, seen: Speeds, profile: Profile) -> Iterator[Finding]:
    for gpu in seen.wrong:
        graver = replace(rule, severity=Severity.ISOLATE)
        yield graver.finding(Verdict.FAIL, "the product is not made of numbers", scope={"gpu": gpu})
    yield from _compared(rule, seen, seen.flops, 1e12, "TFLOP/s", profile)


@check(
    "gpu.memory-copy",
    GPU_SPEED,
    scope="gpu",
    verdicts=(Verdict.PASS, Verdict.FAIL),
    expected=_EXPECTED,
    why="A GPU whose memory is slower than its siblings' holds every job back, and no counter tells.",
    remedy=_REMEDY,
    cites=_CITES,
    good=example(),
    bad=example(copies=1.3e12),
)
def memory_copy(rule: Rule, seen: Speeds, profile: Profile) -> Iterator[Finding]:
    yield from _compared(rule, seen, seen.copies, 1e9, "GB/s", profile)


def _compared(
    rule: Rule, seen: Speeds, values: Mapping[int, float], scale: float, unit: str, profile: Profile
) -> Iterator[Finding]:
    if seen.problem or len(values) < 2:
        alone = profile.accelerators == 1 and not seen.problem
        told = seen.problem or ALONE.format(profile.name or "node of an unknown type")
        yield rule.finding(Verdict.SKIP if alone else Verdict.UNKNOWN, told, remedy="" if alone else _NEEDS)
        return
    slow = behind(values, SHARE)
    for gpu, value in values.items():
        told = f"{value / scale:.0f} {unit}"
        if gpu not in slow:
            yield rule.finding(Verdict.PASS, told, scope={"gpu": gpu})
            continue
        fitting = replace(rule, severity=Severity.ISOLATE) if slow[gpu] < GRAVE else rule
        yield fitting.finding(Verdict.FAIL, f"{told}, {slow[gpu]:.0%} of the median", scope={"gpu": gpu})
    yield from missing(rule, len(values), profile)
