"""A run as one HTML page that needs nothing from elsewhere, and is whole without its script."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seatrial.attempts import Point
from seatrial.findings import Verdict
from seatrial.report import bars, charts, events, expected, facts, judged, record, steps, sweeps, timeline
from seatrial.report.charts import Mark, Reference, Series
from seatrial.report.document import Table
from seatrial.report.figures import key_figures
from seatrial.report.format import clean, duration, moment, percent, quantity
from seatrial.report.profile_shown import Shown, shown
from seatrial.report.summary import Summary
from seatrial.report.timeline import Lane, Span

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

SYMBOLS = {Verdict.PASS: "✓", Verdict.WARN: "!", Verdict.FAIL: "✕", Verdict.UNKNOWN: "?", Verdict.SKIP: "-"}
"""Beside the word and the colour, so that a verdict is recognised without either."""


def to_html(summary: Summary) -> str:
    """A run's report as a page."""
    settings, layout = facts.settings_tables(summary)
    reason = summary.reason
    return page(
        "report",
        s=summary,
        symbols=SYMBOLS,
        reason_facts=judged.reason_facts(reason) if reason else "",
        reason_blocks=list(judged.reason_blocks(reason)) if reason else [],
        cause=judged.cause(summary.diagnosis) if summary.diagnosis else (),
        causes_besides=judged.besides(summary.diagnosis) if summary.diagnosis else (),
        verdict_line=judged.verdict_line(summary),
        figures=key_figures(summary),
        expected=expected.told(summary),
        expected_bars=expected.bars(summary),
        findings=judged.findings_table(summary.findings),
        facts=facts.facts_table(summary),
        provenance=facts.provenance_table(summary),
        variables=facts.variables_table(summary),
        curves=_curves(summary),
        sweep_curves=sweeps.curves(summary.sweeps),
        sweeps=sweeps.table(summary.sweeps),
        sweep_notes=sweeps.notes(summary.sweeps),
        peak=f"{quantity(summary.peak_flops, 'FLOP/s')} per rank, source: {summary.peak_source}",
        formulas=_formulas(summary),
        composition=bars.stacked_bar(summary.phases, title="Time of a step, rank 0") if summary.phases else "",
        phases=steps.phases_table(summary),
        rank_charts=_rank_charts(summary),
        spread=steps.spread_table(summary),
        ranks=steps.ranks_table(summary),
        timeline=_timeline(summary),
        events=events.events_table(summary),
        settings=settings,
        layout=layout,
        versions=facts.versions_table(summary),
        profile=_profile(summary),
        method=steps.method(summary),
        json=record.embedded(summary),
        stride=record.stride(summary),
        moment=moment,
        duration=duration,
    )


def _profile(summary: Summary) -> Shown | None:
    return shown(summary.profiles) if summary.profiles else None


def page(template: str, /, **values: Any) -> str:
    """A page made of a template of this folder."""
    return clean(_templates().get_template(f"{template}.html.j2").render(values)) + "\n"


@cache
def _templates() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    loader = FileSystemLoader(Path(__file__).parent)
    made = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    made.filters["breakable"] = breakable
    return made


def breakable(name: str) -> Markup:
    """A name such as ``expectations.loss_decrease`` that breaks between its words where a line is too short for it."""
    from markupsafe import Markup, escape

    return Markup(re.sub(r"(?<=[._])(?=\w)", Markup("<wbr>"), escape(name)))


def _formulas(summary: Summary) -> Table:
    rows = tuple(
        (name, summary.flop_formulas[name], quantity(summary.flops_per_token.get(name), "FLOP"), percent(value))
        for name, value in summary.mfu.items()
    )
    headers = ("convention", "FLOPs per token, forward and backward", "this model, per token", "steady MFU")
    return Table(headers=headers, rows=rows, numeric=frozenset((2, 3)))


def _curves(summary: Summary) -> list[tuple[str, str]]:
    """Heading and picture of each figure over steps that there is one of."""
    points, marks, rate = summary.series, _marks(summary), f"{summary.unit}/s"

    def over_steps(name: str, column: str, value: Callable[[Point], float | None]) -> Series:
        return Series(name, [(float(p.event.step), _or_nan(value(p))) for p in points], column=column)

    found: list[tuple[str, str]] = []
    if points:
        loss = [over_steps("training", "loss", lambda p: p.event.loss)]
        told = [
            (float(t.event.step), t.event.metrics["loss"]) for t in summary.validations if "loss" in t.event.metrics
        ]
        loss += [Series("validation", told, dots=True, column="validations.loss")] if told else []
        for name, told_as in (("low", "baseline from"), ("high", "to")):
            limits = [(float(limit.step), limit.metrics[name]) for limit in summary.baseline]
            loss += [Series(told_as, limits, column=f"baseline.{name}")] if limits else []
        found.append(("Loss, nats", charts.line_chart(loss, title="Loss, nats", marks=marks)))
    if any(p.throughput is not None for p in points):
        speed, title = over_steps(rate, "throughput", lambda p: p.throughput), f"Throughput, {rate}"
        steady = Reference(summary.throughput, "steady") if summary.throughput is not None else None
        chart = charts.line_chart([speed], title=title, from_zero=True, marks=marks, reference=steady)
        found.append((title, chart))
    shares = [
        over_steps(name, f"mfu_{name}", partial(_share, name))
        for name in summary.flop_formulas
        if any(name in p.mfu for p in points)
    ]
    if shares:
        found.append(("MFU", charts.line_chart(shares, title="MFU", tick=percent, from_zero=True, marks=marks)))
    if any(p.event.grad_norm is not None for p in points):
        norm = over_steps("gradient norm", "grad_norm", lambda p: p.event.grad_norm)
        found.append(("Gradient norm", charts.line_chart([norm], title="Gradient norm", marks=marks)))
    return found


def _share(convention: str, point: Point) -> float | None:
    return point.mfu.get(convention)


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
    "gc": "Collecting garbage",
    "wait": "Wait for other ranks",
    "throttled": "With clocks held down",
    "compile": "Compiling",
}


def _rank_charts(summary: Summary) -> list[tuple[str, str]]:
    titled = [(_RANK_TITLES.get(measure.name, measure.name), measure) for measure in summary.ranks]
    return [(title, bars.rank_bars(m.values, title=title, behind=m.behind)) for title, m in titled]


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
    return timeline.timeline(lanes, summary.duration, title="Time line")
