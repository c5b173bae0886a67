"""What a page shows of profiles, alone or as a section of a run's report."""

from __future__ import annotations

from dataclasses import dataclass

from seatrial.findings import Finding
from seatrial.profiles import Profiles
from seatrial.report import profile
from seatrial.report.document import Table
from seatrial.report.judged import findings_table


@dataclass(frozen=True, slots=True)
class Shown:
    """The parts of the section."""

    paragraphs: list[str]
    findings: Table
    judged: tuple[Finding, ...]
    label: str
    timeline: str
    memory: str
    """Empty where it was not recorded."""
    tables: list[tuple[str, Table]]


def shown(profiles: Profiles) -> Shown:
    """Profiles, as a page shows them."""
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
        label=first.label,
        timeline=profile.timeline(first),
        memory=profile.memory(first),
        tables=[(title, table) for title, table in named if table.rows],
    )
