"""A run as terminal text and as Markdown: the same sections, written twice."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from seatrial.report import document, events, expected, facts, judged, profile, steps, sweeps
from seatrial.report.document import Section, Table
from seatrial.report.figures import key_figures
from seatrial.report.summary import Summary


def to_text(summary: Summary) -> str:
    """A run's report for a terminal: 100 columns, no colour."""
    return document.to_text(_title(summary), _sections(summary))


def to_markdown(summary: Summary) -> str:
    """A run's report as GitHub-flavoured Markdown."""
    return document.to_markdown(_title(summary), _sections(summary))


def _title(summary: Summary) -> str:
    return f"{summary.verdict}: {summary.run}"


def _sections(summary: Summary) -> Iterator[Section]:
    """What failed comes first; what there is nothing to say of is left out."""
    if summary.reason:
        told = (summary.reason.what, judged.reason_facts(summary.reason))
        yield Section(title="Reason", paragraphs=told, blocks=tuple(judged.reason_blocks(summary.reason)))
    elif summary.diagnosis:
        tables = _filled(*judged.besides(summary.diagnosis))
        yield Section(title="Diagnosis", paragraphs=judged.cause(summary.diagnosis), tables=tables)
    if summary.links:
        yield Section(title="See also", tables=(Table(headers=("what", "where"), rows=tuple(summary.links)),))
    fidelity = (summary.fidelity_statement, summary.fidelity_note)
    yield Section(title="About this result", paragraphs=(*filter(None, fidelity), *summary.notes))
    yield Section(
        title="Verdict",
        paragraphs=(judged.verdict_line(summary),),
        tables=_filled(judged.findings_table(summary.findings)),
    )
    figures = tuple(key_figures(summary))
    yield from _tables((("Key figures", (Table(headers=("figure", "value", "how"), rows=figures),)),))
    if forecast := expected.told(summary):
        yield Section(title="Expected", paragraphs=forecast)
    parts = (
        ("Run", (facts.facts_table(summary),)),
        ("Provenance", (facts.provenance_table(summary), facts.variables_table(summary))),
        ("Steps", (steps.steps_table(summary),)),
        ("Time of a step, rank 0", (steps.phases_table(summary),)),
        ("Ranks, seconds per step", (steps.spread_table(summary), steps.ranks_table(summary))),
    )
    yield from _tables(parts)
    if summary.profile_unread:
        yield Section(title="Profile", paragraphs=(summary.profile_unread,))
    if summary.profiles:
        yield from profile.sections(summary.profiles)
    if summary.sweeps:
        notes = sweeps.notes(summary.sweeps)
        yield Section(title="Collectives over sizes", paragraphs=notes, tables=_filled(sweeps.table(summary.sweeps)))
    yield from _tables(
        (
            ("Events", (events.events_table(summary),)),
            ("Configuration", facts.settings_tables(summary)),
            ("Versions", (facts.versions_table(summary),)),
        )
    )
    yield Section(title="Method", paragraphs=steps.method(summary))


def _tables(parts: Iterable[tuple[str, tuple[Table, ...]]]) -> Iterator[Section]:
    for title, tables in parts:
        if filled := _filled(*tables):
            yield Section(title=title, tables=filled)


def _filled(*tables: Table) -> tuple[Table, ...]:
    return tuple(table for table in tables if table.rows)
