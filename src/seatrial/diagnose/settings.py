"""What was wrong from the first step on: TCP instead of EFA, fp32 instead of bf16, attention without a fused kernel,
one thread, too much sent, a compiler that does nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from statistics import median

from seatrial.attempts import Point
from seatrial.diagnose import compiling, slow_rules
from seatrial.diagnose.left import Left
from seatrial.diagnose.signs import Sign
from seatrial.diagnose.steps import MIN_POINTS, whole
from seatrial.events import RunStart, StepContent

TOO_MUCH = 1.5
"""Times what the layout needs, from which on it is too much; a bound of ours: units are padded, and the norm of the
gradient and the loss are reduced as well."""
CONTROL_BYTES = 64 * 1024
"""Bytes of a step's collectives that nobody counts: requests to stop, times of ranks."""
COMPUTING = 0.5
"""Of a step that a rank computes on its CPU, at least, for its threads to matter; a bound of ours."""
ONE_CORE = 1.2
"""Seconds of CPU time per second of work, below which one core does all; a bound of ours."""
NARROW = ("bf16", "fp16", "fp8", "fp4")
_WIDE = ("float32", "float64")
_SOCKET = re.compile(r"NCCL INFO .*Using network Socket")
_FABRIC = re.compile(r"NCCL INFO .*Using network (?:AWS )?Libfabric|Selected [Pp]rovider is efa")


def signs(left: Left, points: Sequence[Point]) -> Iterator[tuple[float | None, Sign]]:
    """The share of the time that each cost, None where nobody can tell, and what it is. Of the newest attempt."""
    start = left.log.last(RunStart)
    if start is None:
        return
    yield from _fallback(left, start, points)
    content = _content(left)
    if content is not None:
        yield from _precision(start, content)
        yield from _attention(content)
        yield from _communication(start, content, points)
    yield from compiling.signs(start, content, points)
    yield from _threads(left, start, points)


def _content(left: Left) -> StepContent | None:
    """Of the newest attempt."""
    for timed in reversed(left.log.events):
        if isinstance(timed.event, RunStart):
            return None
        if isinstance(timed.event, StepContent):
            return timed.event
    return None


def _fallback(left: Left, start: RunStart, points: Sequence[Point]) -> Iterator[tuple[float | None, Sign]]:
    """NCCL took TCP although the job was set up for EFA. A log without either line says nothing.

    The share is that of all that is sent, which EFA takes some time for as well: what it could save at most.
    """
    if start.variables.get("FI_PROVIDER") != "efa" or len(set(start.hosts)) < 2:
        return
    lines = [(name, index, line.text) for name, log in left.logs.items() for index, line in enumerate(log)]
    socket = next((line for line in lines if _SOCKET.search(line[2])), None)
    if socket is not None and not any(_FABRIC.search(text) for _, _, text in lines):
        name, index, text = socket
        share = _sending(points)
        said = text.strip() + ("" if share is None else "; the share is what EFA could save at most")
        yield share, Sign(rule=slow_rules.FALLBACK, said=said, evidence=f"{name}:{index + 1}")


def _sending(points: Sequence[Point]) -> float | None:
    """The share of a step that is spent on what is sent: who waits the least waits for no other rank."""
    told = [p for p in points if whole(p, "wait")]
    return median(min(p.event.ranks["wait"]) / p.event.seconds for p in told) if len(told) >= MIN_POINTS else None


def _precision(start: RunStart, content: StepContent) -> Iterator[tuple[None, Sign]]:
    """How much faster the other dtype is depends on the shapes: the share is not known."""
    if start.dtype in NARROW and content.products in _WIDE:
        said = f"the job asks for {start.dtype}; the products of its first linear layer are in {content.products}"
        yield None, Sign(rule=slow_rules.PRECISION, said=said, evidence="events.jsonl, step_content")


def _attention(content: StepContent) -> Iterator[tuple[None, Sign]]:
    """How much faster a fused kernel is depends on the lengths: the share is not known."""
    if content.attention == "math" and content.attention_possible not in ("", "math"):
        said = f"attention takes the kernel math, its inputs allow {content.attention_possible}"
        yield None, Sign(rule=slow_rules.ATTENTION, said=said, evidence="events.jsonl, step_content")


def _communication(
    start: RunStart, content: StepContent, points: Sequence[Point]
) -> Iterator[tuple[float | None, Sign]]:
    needed, carried = sum(start.collective_bytes.values()), sum(content.bytes.values())
    if not needed or carried < max(TOO_MUCH * needed, needed + CONTROL_BYTES):
        return
    most = max(content.bytes, key=lambda name: content.bytes[name])
    said = (
        f"the collectives of step {content.step} carry {_size(carried)}, the layout needs {_size(needed)}; "
        f"most are {content.calls[most]} x {most}, {_size(content.bytes[most])}"
    )
    sending = _sending(points)
    share = None if sending is None else sending * (1 - needed / carried)
    yield share, Sign(rule=slow_rules.COMMUNICATION, said=said, evidence="events.jsonl, step_content")


def _size(count: float) -> str:
    return f"{count / 1e9:.3g} GB" if count >= 1e9 else f"{count / 1e6:.3g} MB"


def _threads(left: Left, start: RunStart, points: Sequence[Point]) -> Iterator[tuple[float, Sign]]:
    """Operations take one thread, and each rank has more cores. The share is what it could be at most."""
    cores = left.job.threads_per_process
    told = [p for p in points if whole(p, "cpu", "busy", "data_wait")]
    if left.job.device != "cpu" or start.threads != 1 or cores < 2 or len(told) < MIN_POINTS:
        return
    used = [_used(p) for p in told]
    computing = median(cpu / p.event.seconds for (cpu, _), p in zip(used, told, strict=True))
    parallel = median(cpu / work for cpu, work in used)
    if computing >= COMPUTING and parallel <= ONE_CORE:
        said = (
            f"operations take 1 thread of {cores} cores that each rank has, {parallel:.2g} s of CPU time per second of "
            "work; the share is what more threads could save at most"
        )
        share = computing * (1 - 1 / cores)
        yield share, Sign(rule=slow_rules.THREADS, said=said, evidence="events.jsonl, run_start.threads, ranks.cpu")


def _used(point: Point) -> tuple[float, float]:
    """CPU seconds and seconds of work of the rank that computes the most."""
    ranks = point.event.ranks
    rank = max(range(len(ranks["cpu"])), key=lambda one: ranks["cpu"][one])
    waited = ranks["wait"][rank] if whole(point, "wait") else 0.0
    work = ranks["busy"][rank] - waited - ranks["data_wait"][rank]
    return ranks["cpu"][rank], max(work, 1e-9)
