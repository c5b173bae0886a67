"""Profiles as one HTML page that needs nothing from elsewhere."""

from __future__ import annotations

from dataclasses import dataclass

from seatrial.profiles import Profiles
from seatrial.report import profile
from seatrial.report.document import Table
from seatrial.report.html import SYMBOLS, page
from seatrial.report.sections import findings_table


@dataclass(frozen=True, slots=True)
class Shown:
    """What a page shows of profiles, alone or as a section of a run's report."""

    paragraphs: list[str]
    findings: Table
    judged: tuple[object, ...]
    pictures: list[tuple[str, str]]
    tables: list[tuple[str, Table]]


def shown(profiles: Profiles) -> Shown:
    """The section's parts."""
    first = profiles.ranks[0]
    named = [
        (f"Where the time goes, {first.label}", profile.time_table(first)),
        ("Ranks", profile.ranks_table(profiles.ranks)),
        (f"Communication that nothing hides, {first.label}", profile.waiting_table(first)),
        (f"What takes longest, {first.label}", profile.kernels_table(first)),
        (f"Messages of collectives, {first.label}", profile.messages_table(first)),
    ]
    return Shown(
        paragraphs=list(profile.paragraphs(profiles)),
        findings=findings_table(profiles.findings),
        judged=profiles.findings,
        pictures=profile.pictures(first),
        tables=[(title, table) for title, table in named if table.rows],
    )


def to_html(title: str, profiles: Profiles) -> str:
    """The page of profiles that belong to no run here."""
    return page("profile", title=title, profile=shown(profiles), symbols=SYMBOLS)
