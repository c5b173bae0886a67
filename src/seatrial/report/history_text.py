"""Histories in words and tables, and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from seatrial.report import document, record
from seatrial.report.between import LEAST
from seatrial.report.compare import Difference
from seatrial.report.document import Section, Table
from seatrial.report.entries import Entry
from seatrial.report.facts import flatten
from seatrial.report.format import UNKNOWN, capped, moment, percent, value_text
from seatrial.report.history import Change, Newest, Past, Trend
from seatrial.report.sparkline import sparkline

WIDTH = 24
"""Characters of a sparkline."""
NAMED = 8
"""Differences that are named at most; JSON has all."""
KINDS = ("version", "cluster", "variable", "job", "ranks", "host")
"""What changed, in this order."""


def to_text(target: str, pasts: Sequence[Past], left_out: Mapping[str, str]) -> str:
    """For a terminal: 100 columns, no colour."""
    return document.to_text(_title(target), sections(pasts, left_out))


def to_markdown(target: str, pasts: Sequence[Past], left_out: Mapping[str, str]) -> str:
    """As GitHub-flavoured Markdown."""
    return document.to_markdown(_title(target), sections(pasts, left_out))


def to_json(target: str, pasts: Sequence[Past], left_out: Mapping[str, str]) -> str:
    """As strict JSON; see seatrial.report.record."""
    head = {"version": record.VERSION, "kind": "history", "target": target}
    return record.dumps(head | {"configurations": [_record(past) for past in pasts], "left_out": dict(left_out)})


def _title(target: str) -> str:
    return f"History of {target}"


def sections(pasts: Sequence[Past], left_out: Mapping[str, str]) -> Iterator[Section]:
    """A section for each configuration, and one for the runs that do not count: run -> why."""
    settings = [flatten(past.entries[-1].job.args) for past in pasts]
    for past, own in zip(pasts, settings, strict=True):
        apart = [
            f"{name}={value}" for name, value in own.items() if any(other.get(name) != value for other in settings)
        ]
        yield _section(past, apart)
    if left_out:
        rows = tuple(left_out.items())
        yield Section(title="Left out", tables=(Table(headers=("run", "because"), rows=rows),))


def _section(past: Past, apart: Sequence[str]) -> Section:
    newest, count = past.entries[-1], len(past.entries)
    job = newest.job
    layout = f"{job.nodes} x {job.processes_per_node} ranks, {job.device}"
    return Section(
        title=f"{job.label} on {job.cluster}, {layout}: {count} run{'s' if count > 1 else ''}",
        paragraphs=(*([f"Unlike in others: {', '.join(apart)}."] if apart else []), *_said(past)),
        tables=(_trends(past), _runs(past)),
    )


def _said(past: Past) -> Iterator[str]:
    """Changes, the worse ones first."""
    changes = [(trend, change) for trend in past.trends for change in trend.changes or ()]
    yield from (in_words(*one) for one in sorted(changes, key=lambda one: not one[1].worse))
    for trend in past.trends:
        if trend.newest and trend.newest.apart:
            yield _alone(trend.figure, trend.newest)
    if slow := past.slow:
        yield (
            f"{past.trends[0].figure}: {_by(slow.ratio)} in the {len(slow.runs)} runs on "
            f"{capped(slow.hosts, NAMED)} than in the {slow.others} without: seatrial check node there."
        )
    if not changes and all(trend.changes is not None for trend in past.trends if trend.level is not None):
        yield "No figure changed its level."
    elif unknown := [trend.figure for trend in past.trends if trend.changes is None and trend.level is not None]:
        yield f"Whether these changed is {UNKNOWN}, {2 * LEAST} runs are needed: {'; '.join(unknown)}."


def _alone(figure: str, newest: Newest) -> str:
    return (
        f"{figure}: {_by(newest.ratio)} in the newest run, {newest.run}, than in others of its level, more than noise "
        f"between them ({percent(newest.noise)}). One run is no new level yet."
    )


def in_words(trend: Trend, change: Change) -> str:
    """``throughput: 12 % lower since run X (2026-11-03 10:00:00 UTC) ...; what changed there: ...``"""
    values = " -> ".join(value_text(value, trend.unit) for value in (change.before, change.after))
    ordered = sorted(change.what, key=lambda one: KINDS.index(one.kind))
    more = f", and {len(ordered) - NAMED} more" if len(ordered) > NAMED else ""
    what = ", ".join(map(_difference, ordered[:NAMED])) + more if ordered else "nothing that is on record"
    kind = "worse" if change.worse else "better"
    return (
        f"{trend.figure}: {_by(change.ratio)} since run {change.since} ({moment(change.time)}), {kind}: {values}; "
        f"what changed there: {what}."
    )


def _by(ratio: float) -> str:
    return f"{percent(abs(ratio - 1))} {'higher' if ratio > 1 else 'lower'}"


def _difference(one: Difference) -> str:
    name = one.name if one.kind in ("version", "variable") else f"{one.kind} {one.name}"
    if one.kind == "host":
        return f"{name} {'new' if one.a is None else 'gone'}"
    return f"{name} {one.a or '(absent)'} -> {one.b or '(absent)'}"


def _trends(past: Past) -> Table:
    rows = [_trend_row(trend) for trend in past.trends if trend.level is not None]
    headers = ("figure", "now", "noise", "changes", "oldest to newest")
    return Table(headers=headers, rows=tuple(rows), numeric=frozenset((1, 2, 3)), caption=_NOISE)


_NOISE = (
    f"Now: the median of the newest level. Noise: the standard deviation of runs about their level; fewer than {LEAST} "
    "runs leave it unknown."
)


def _trend_row(trend: Trend) -> tuple[str, ...]:
    noise = percent(trend.between.deviation / trend.level) if trend.between and trend.level else UNKNOWN
    changes = UNKNOWN if trend.changes is None else str(len(trend.changes))
    return trend.figure, value_text(trend.level, trend.unit), noise, changes, sparkline(trend.values, WIDTH)


def _runs(past: Past) -> Table:
    names = [trend.figure for trend in past.trends]
    begun = [
        (change.since, f"{trend.figure} {100 * (change.ratio - 1):+.3g} %")
        for trend in past.trends
        for change in trend.changes or ()
    ]
    rows = tuple(
        (
            entry.run,
            moment(entry.time).removesuffix(" UTC"),
            *(_value(trend, index) for trend in past.trends),
            _stood(entry),
            ", ".join(words for run, words in begun if run == entry.run),
        )
        for index, entry in enumerate(past.entries)
    )
    headers = ("run", "began, UTC", *names, "verdict", "new level")
    numeric = frozenset(range(2, 2 + len(names)))
    return Table(headers=headers, rows=rows, numeric=numeric).filled()


def _value(trend: Trend, index: int) -> str:
    return value_text(trend.values[index], trend.unit)


def _stood(entry: Entry) -> str:
    verdict = str(entry.verdict) if entry.verdict else UNKNOWN
    return verdict if entry.state == "completed" else f"{verdict}, {entry.state}"


def _record(past: Past) -> dict[str, Any]:
    job = past.entries[-1].job
    return {
        "case": job.case,
        "recipe": job.recipe,
        "cluster": job.cluster,
        "digest": job.digest,
        "device": job.device,
        "nodes": job.nodes,
        "processes_per_node": job.processes_per_node,
        "settings": dict(job.args),
        "runs": [
            {
                "run": entry.run,
                "started": entry.time,
                "state": entry.state,
                "verdict": entry.verdict,
                "figures": dict(entry.figures),
                "hosts": [name for kind, name in entry.facts if kind == "host"],
                "versions": {name: value for (kind, name), value in entry.facts.items() if kind == "version"},
            }
            for entry in past.entries
        ],
        "slow_hosts": past.slow and asdict(past.slow),
        "trends": [asdict(trend) | {"changes": _changes(trend)} for trend in past.trends],
    }


def _changes(trend: Trend) -> list[dict[str, Any]] | None:
    return None if trend.changes is None else [asdict(change) | {"ratio": change.ratio} for change in trend.changes]
