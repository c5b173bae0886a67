"""The few numbers that a reader looks for first; what there is nothing to say of is left out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from seatrial.report.format import UNKNOWN, bytes_, duration, loss_text, number, percent, quantity
from seatrial.report.summary import Summary


class Figure(NamedTuple):
    """One of the few numbers that a reader looks for first."""

    name: str
    value: str
    note: str = ""


def key_figures(summary: Summary) -> list[Figure]:
    """Throughput, MFU, loss and cost of the run."""
    if summary.purpose != "training":
        return list(_time(summary))
    return [*(_steady(summary) if summary.series else ()), *_progress(summary), *_time(summary), *_cost(summary)]


def _steady(summary: Summary) -> Iterator[Figure]:
    steady = f"over {summary.steady_steps} steady steps" if summary.steady_steps else "no step was steady"
    yield Figure("Throughput", quantity(summary.throughput, f"{summary.unit}/s"), steady)
    yield Figure("Step time", duration(summary.step_seconds), steady)
    yield from _mfu(summary)
    yield Figure("Final loss", loss_text(summary.final_loss), _from(summary.first_loss))


def _mfu(summary: Summary) -> Iterator[Figure]:
    """In both conventions, and what the framework's own log says of it."""
    if not summary.mfu:
        yield Figure("MFU", UNKNOWN, summary.mfu_unknown)
    for name, value in summary.mfu.items():
        yield Figure(f"MFU, {name}", percent(value), summary.flop_formulas.get(name, ""))
    if summary.printed.get("mfu"):  # of a small model it is printed as 0.00 %
        yield Figure("MFU, its log", percent(summary.printed["mfu"]), f"as {summary.case} itself reckons it")
    elif summary.printed.get("flops"):
        share = summary.printed["flops"] / summary.peak_flops if summary.peak_flops else None
        note = f"{percent(share)} of the peak, " if share is not None else ""
        told = quantity(summary.printed["flops"], "FLOP/s")
        yield Figure("FLOP/s per rank, its log", told, f"{note}as {summary.case} itself reckons it")


def _progress(summary: Summary) -> Iterator[Figure]:
    if summary.validations:
        last = summary.validations[-1].event
        first, *others = [f"{name} {number(value)}" for name, value in last.metrics.items()] or [UNKNOWN]
        yield Figure("Validation", first, ", ".join([*others, f"at step {last.step}"]))
    if summary.steps_done is not None:
        planned = f"of {summary.steps_planned}" if summary.steps_planned is not None else ""
        yield Figure("Steps", str(summary.steps_done), planned)


def _time(summary: Summary) -> Iterator[Figure]:
    if summary.duration is not None:
        starts = f"{len(summary.attempts)} attempts" if len(summary.attempts) > 1 else "first to last event"
        yield Figure("Wall time", duration(summary.duration), starts)


def _cost(summary: Summary) -> Iterator[Figure]:
    if summary.saved:
        yield Figure("Checkpoint stall", duration(summary.stall_seconds), f"{len(summary.saved)} checkpoints")
    if summary.peak_memory is not None:
        yield Figure("Peak memory", bytes_(summary.peak_memory), "rank 0")


def _from(loss: float | None) -> str:
    return "" if loss is None else f"from {loss_text(loss)}"
