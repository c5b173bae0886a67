"""Runs side by side as one HTML page, with their curves in the same charts."""

from __future__ import annotations

from collections.abc import Sequence

from seatrial.masking import mask_forms
from seatrial.report import charts, compare, record
from seatrial.report.charts import Series
from seatrial.report.gate import Gate
from seatrial.report.html import SYMBOLS, page
from seatrial.report.measures import NO_PEERS, Peers
from seatrial.report.summary import Summary


def to_html(runs: Sequence[Summary], gates: Sequence[Gate] = (), peers: Peers = NO_PEERS) -> str:
    """The page of a comparison; the first run is the baseline."""
    comparisons = compare.compare(*runs, peers=peers)
    embedded = [{"run": run.run, "series": record.columns(run, run.series[:: record.stride(run)])} for run in runs]
    text = page(
        "compare",
        name=compare.title(comparisons),
        runs=[(compare.letter(index), run) for index, run in enumerate(runs)],
        symbols=SYMBOLS,
        sections=list(compare.sections(comparisons, gates)),
        curves=_curves(runs),
        stride=max(map(record.stride, runs)),
        json=record.for_script(compare.as_record(comparisons, gates) | {"runs": embedded}),
    )
    return mask_forms(text).encode("utf-8", "replace").decode("utf-8")


def _curves(runs: Sequence[Summary]) -> list[tuple[str, str]]:
    rates = dict.fromkeys(f"{run.unit}/s" for run in runs)
    found = []
    for title, column, from_zero in (
        ("Loss, nats", "loss", False),
        (f"Throughput, {' or '.join(rates)}", "throughput", True),
    ):
        series = [
            Series(compare.letter(index), _points(run, column), column=column, run=index)
            for index, run in enumerate(runs)
        ]
        if any(one.points for one in series):
            found.append((title, charts.line_chart(series, title=title, from_zero=from_zero)))
    return found


def _points(run: Summary, column: str) -> list[tuple[float, float]]:
    values = [point.event.loss if column == "loss" else point.throughput for point in run.series]
    steps = [float(point.event.step) for point in run.series]
    return [(step, float("nan") if value is None else value) for step, value in zip(steps, values, strict=True)]
