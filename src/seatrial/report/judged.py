"""How a run was judged and why it ended as it did, in words and tables: text, Markdown and the page show the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from seatrial.diagnose import Diagnosis, blamed
from seatrial.findings import Finding, Verdict
from seatrial.report.document import Block, Table
from seatrial.report.format import bytes_, percent
from seatrial.report.reason import Reason
from seatrial.report.summary import Summary


def verdict_line(summary: Summary) -> str:
    """How many findings there are of each verdict."""
    if not summary.findings:
        return "The run was not judged: there are no findings."
    counts = Counter(finding.verdict for finding in summary.findings)
    told = ", ".join(f"{counts[verdict]} {verdict}" for verdict in Verdict if counts[verdict])
    return f"{len(summary.findings)} checks: {told}."


def reason_facts(reason: Reason) -> str:
    """Where a run stood when it failed, as far as it is known."""
    facts = [f"after step {reason.step}" if reason.step is not None else "before its first logged step"]
    if reason.memory_bytes is not None:
        facts.append(f"peak memory of rank 0: {bytes_(reason.memory_bytes)}")
    told = ", ".join(facts) + "."
    cause = f"Diagnosis, {reason.cause}" if reason.cause else ""
    return " ".join(filter(None, (f"{told[0].upper()}{told[1:]}", reason.note, cause)))


def reason_blocks(reason: Reason) -> Iterator[Block]:
    """The traceback, and the end of the log that it stands in."""
    if reason.traceback:
        yield Block(caption=f"Traceback in {reason.log}", lines=tuple(reason.traceback.splitlines()))
    if reason.last_lines:
        less = ", without the traceback" if reason.traceback else ""
        yield Block(caption=f"The end of {reason.log}{less}", lines=reason.last_lines)


def cause(found: Diagnosis) -> tuple[str, str]:
    """The root cause that a diagnosis names: what was seen, then whose it is, where it was seen, and what to do."""
    finding = found.cause
    place = f"seen in {finding.evidence}" if finding.evidence else ""
    cost = f"{percent(found.share)} of the time" if found.share is not None else ""
    facts = ", ".join(filter(None, (finding.check, blamed(finding), cost, place)))
    return finding.observed, f"{facts}. What to do: {finding.remedy}."


def besides(found: Diagnosis) -> tuple[Table, ...]:
    """What slowed the run as well, by what it cost; what else was found about it; what followed from the root cause."""
    slowing = tuple(
        (percent(one.share), one.finding.check, one.finding.observed, blamed(one.finding), one.finding.remedy)
        for one in found.slowed_by
    )
    related = tuple(
        (percent(one.share), one.finding.check, one.finding.observed, one.finding.evidence, one.finding.remedy)
        for one in found.related
    )
    seen = tuple((f.observed, blamed(f), f.evidence) for f in found.consequences)
    return (
        Table(headers=("of the time", "also slowed it", "observed", "whose", "what to do"), rows=slowing),
        Table(headers=("of the time", "may explain it", "observed", "seen in", "what to do"), rows=related),
        Table(headers=("also seen", "whose", "seen in"), rows=seen).filled(),
    )


def findings_table(findings: Sequence[Finding]) -> Table:
    """The verdict's reasons."""
    rows = tuple((str(f.verdict), f.check, _observed(f), f.expected, f.remedy) for f in findings)
    return Table(headers=("verdict", "check", "observed", "expected", "remedy"), rows=rows)


def _observed(finding: Finding) -> str:
    return f"{finding.observed} [{finding.evidence}]" if finding.evidence else finding.observed
