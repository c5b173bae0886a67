"""A run as one HTML page that needs nothing but itself: no script, no font, no image from elsewhere."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from seatrial.findings import Verdict
from seatrial.report import charts, sections
from seatrial.report.charts import Lane, Mark, Reference, Series, Span
from seatrial.report.format import clean, duration, moment, percent, quantity
from seatrial.report.summary import Summary

if TYPE_CHECKING:
    from jinja2 import Template

_SYMBOLS = {Verdict.PASS: "✓", Verdict.WARN: "!", Verdict.FAIL: "✕", Verdict.UNKNOWN: "?", Verdict.SKIP: "-"}
"""Beside the word and the colour, so that a verdict is recognised without either."""


def to_html(summary: Summary) -> str:
    """A run's report as a page."""
    settings, layout = sections.settings_tables(summary)
    page = _template().render(
        s=summary,
        symbols=_SYMBOLS,
        verdict_line=sections.verdict_line(summary),
        figures=sections.key_figures(summary),
        findings=sections.findings_table(summary.findings),
        facts=sections.facts_table(summary),
        curves=_curves(summary),
        peak=f"{quantity(summary.peak_flops, 'FLOP/s')} per rank, source: {summary.peak_source}",
        formulas=_formulas(summary),
        composition=charts.stacked_bar(summary.phases, title="Time of a step, rank 0") if summary.phases else "",
        phases=sections.phases_table(summary),
        rank_charts=_rank_charts(summary),
        spread=sections.spread_table(summary),
        ranks=sections.ranks_table(summary),
        timeline=_timeline(summary),
        events=sections.events_table(summary),
        settings=settings,
        layout=layout,
        versions=sections.versions_table(summary),
        method=sections.method(),
        moment=moment,
        percent=percent,
        duration=duration,
    )
    return clean(page) + "\n"


@cache
def _template() -> Template:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    loader = FileSystemLoader(Path(__file__).parent)
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template("report.html.j2")


def _formulas(summary: Summary) -> list[tuple[str, str, str]]:
    return [
        (name, formula, quantity(summary.flops_per_token.get(name), "FLOP"))
        for name, formula in summary.flop_formulas.items()
    ]


def _curves(summary: Summary) -> list[tuple[str, str]]:
    """Heading and picture of each figure over steps; the picture is empty where there is nothing to draw."""
    points = summary.series
    if not points:
        return []
    marks = _marks(summary)
    rate = f"{summary.unit}/s"
    steps = [float(point.event.step) for point in points]
    loss = [Series("training", [(float(p.event.step), p.event.loss) for p in points])]
    held_out = [
        (float(t.event.step), t.event.metrics["loss"]) for t in summary.validations if "loss" in t.event.metrics
    ]
    if held_out:
        loss.append(Series("validation", held_out, dots=True))
    speed = Series(rate, [(step, _or_nan(p.throughput)) for step, p in zip(steps, points, strict=True)])
    steady = Reference(summary.throughput, "steady") if summary.throughput is not None else None
    mfu = [
        Series(name, [(step, _or_nan(p.mfu.get(name))) for step, p in zip(steps, points, strict=True)])
        for name in summary.flop_formulas
        if any(name in p.mfu for p in points)
    ]
    norm = Series("gradient norm", [(step, _or_nan(p.event.grad_norm)) for step, p in zip(steps, points, strict=True)])
    normed = any(p.event.grad_norm is not None for p in points)
    return [
        ("Loss, nats", charts.line_chart(loss, title="Loss, nats", marks=marks)),
        (
            f"Throughput, {rate}",
            charts.line_chart([speed], title=f"Throughput, {rate}", from_zero=True, marks=marks, reference=steady),
        ),
        ("MFU", charts.line_chart(mfu, title="MFU", tick=percent, from_zero=True, marks=marks) if mfu else ""),
        ("Gradient norm", charts.line_chart([norm], title="Gradient norm", marks=marks) if normed else ""),
    ]


def _or_nan(value: float | None) -> float:
    return float("nan") if value is None else value


def _marks(summary: Summary) -> list[Mark]:
    restarts = [a.info.start_step for a in summary.attempts[1:] if a.info]
    saved = [timed.event.step for timed in summary.saved]
    return [Mark(step, "restart") for step in restarts] + [Mark(step, "checkpoint") for step in saved]


_RANK_TITLES = {
    "data_wait": "Wait for data",
    "busy": "Busy until the step's last collective",
    "cpu": "CPU time",
}


def _rank_charts(summary: Summary) -> list[tuple[str, str]]:
    titled = [(_RANK_TITLES.get(measure.name, measure.name), measure) for measure in summary.ranks]
    return [(title, charts.rank_bars(measure.values, title=title)) for title, measure in titled]


def _timeline(summary: Summary) -> str:
    if summary.start is None or not summary.duration:
        return ""
    start = summary.start
    spans = [
        Span(a.start - start, a.end - start, f"attempt {a.number}: {a.outcome or 'no end recorded'}")
        for a in summary.attempts
    ]
    lanes = [Lane("attempts", spans=spans)]
    for name, kind, happened in (
        ("checkpoints", "checkpoint", summary.saved),
        ("restarts", "restart", summary.restarts),
        ("validations", "validation", summary.validations),
    ):
        if happened:
            lanes.append(Lane(name, moments=[timed.time - start for timed in happened], kind=kind))
    return charts.timeline(lanes, summary.duration, title="Time line")
