"""The tables of a run's report, made once: text, Markdown and the page show the same rows."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from seatrial.attempts import Point
from seatrial.diagnose import Diagnosis, blamed
from seatrial.findings import Finding, Verdict
from seatrial.report.document import Block, Table
from seatrial.report.format import UNKNOWN, bytes_, duration, moment, number, percent, quantity
from seatrial.report.ranks import NEGLIGIBLE, RankMeasure
from seatrial.report.reason import Reason
from seatrial.report.summary import Summary
from seatrial.samples import SIGMAS
from seatrial.steady import WARM_UP

MAX_RANKS = 16
"""Ranks that the table of ranks lists."""
MAX_EVENTS = 40
"""Rows of the table of events; the JSON has them all."""
MAX_STEPS = 12
"""Rows of the table of steps, which stands in for the charts where there are none."""


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


def besides(found: Diagnosis) -> tuple[Table, Table]:
    """What slowed the run as well, by what it cost; and what followed from the root cause."""
    slowing = tuple(
        (percent(one.share), one.finding.check, one.finding.observed, blamed(one.finding), one.finding.remedy)
        for one in found.slowed_by
    )
    seen = tuple((f.observed, blamed(f), f.evidence) for f in found.consequences)
    return (
        Table(headers=("of the time", "also slowed it", "observed", "whose", "what to do"), rows=slowing),
        Table(headers=("also seen", "whose", "seen in"), rows=seen).filled(),
    )


def facts_table(summary: Summary) -> Table:
    """Where and how the run took place."""
    hosts = list(dict.fromkeys(summary.hosts))
    peak = f"{quantity(summary.peak_flops, 'FLOP/s')} (source: {summary.peak_source})" if summary.peak_flops else ""
    rows = [
        ("case", f"{summary.case}/{summary.recipe}: {summary.title}"),
        ("framework", summary.framework),
        ("state", str(summary.state)),
        ("start", moment(summary.start)),
        ("end", moment(summary.end)),
        ("ranks", str(summary.world_size)),
        ("device", summary.device or ""),
        ("hosts", _capped(hosts, 8)),
        ("backend", summary.backend or ""),
        ("parameters", quantity(summary.parameters)),
        ("peak of one device", peak),
    ]
    return Table(headers=("fact", "value"), rows=_told(rows))


def provenance_table(summary: Summary) -> Table:
    """By which commands the run came about, and of which state of the user's code."""
    rows = []
    for start in summary.starts:
        when = f" ({moment(start.time)})" if len(summary.starts) > 1 else ""
        rows += [(f"command{when}", start.command), ("given in", f"{start.folder} on {start.host}")]
        rows += [("commit of the case", start.code), ("version of the command", start.seatrial)]
    return Table(headers=("provenance", "value"), rows=_told([*rows, ("job id", summary.job_id or "")]))


def variables_table(summary: Summary) -> Table:
    """Environment variables that decide how ranks run."""
    return _pairs("environment variable", summary.variables)


def findings_table(findings: Sequence[Finding]) -> Table:
    """The verdict's reasons."""
    rows = tuple((str(f.verdict), f.check, _observed(f), f.expected, f.remedy) for f in findings)
    return Table(headers=("verdict", "check", "observed", "expected", "remedy"), rows=rows)


def steps_table(summary: Summary) -> Table:
    """A few of the logged steps, evenly spaced, with the first and the last."""
    points = summary.series
    chosen = points
    if len(points) > MAX_STEPS:
        chosen = tuple(points[round(i * (len(points) - 1) / (MAX_STEPS - 1))] for i in range(MAX_STEPS))
    names = list(summary.mfu)
    headers = (
        "step",
        "loss",
        f"{summary.unit}/s",
        "step time",
        *(f"MFU {n}" for n in names),
        "grad norm",
        "learning rate",
    )
    rows = tuple(_step_row(point, names) for point in chosen)
    return Table(headers=headers, rows=rows, numeric=frozenset(range(len(headers)))).filled()


def phases_table(summary: Summary) -> Table:
    """What a step's time is made of."""
    total = sum(summary.phases.values())
    rows = [(n, duration(s), percent(s / total) if total else UNKNOWN) for n, s in summary.phases.items()]
    if rows:
        rows.append(("step", duration(total), percent(1.0) if total else UNKNOWN))
    return Table(headers=("phase", "mean per step", "share"), rows=tuple(rows), numeric=frozenset((1, 2)))


def spread_table(summary: Summary) -> Table:
    """How far the ranks are apart."""
    rows = tuple(
        (m.name, duration(m.median), percent(m.spread), _rank(m.slowest, summary.hosts), _behind(m))
        for m in summary.ranks
    )
    headers = ("measure", "median of ranks", "spread (max - min) / median", "slowest rank", "behind")
    return Table(headers=headers, rows=rows, numeric=frozenset((1, 2)))


def ranks_table(summary: Summary) -> Table:
    """Each rank's seconds per step; of many ranks those with the largest ``busy``, or else first measure."""
    if not summary.ranks:
        return Table(headers=("rank", "host"), rows=())
    leading = next((m for m in summary.ranks if m.name == "busy"), summary.ranks[0])
    ranks = list(range(len(leading.values)))
    caption = ""
    if len(ranks) > MAX_RANKS:
        ranks = sorted(ranks, key=lambda rank: -(leading.values[rank] or 0.0))[:MAX_RANKS]
        caption = f"The {MAX_RANKS} ranks of {len(leading.values)} with the largest {leading.name}."
    rows = tuple(
        (
            str(r),
            summary.hosts[r] if r < len(summary.hosts) else UNKNOWN,
            *(duration(_at(m.values, r)) for m in summary.ranks),
        )
        for r in ranks
    )
    headers = ("rank", "host", *(measure.name for measure in summary.ranks))
    return Table(headers=headers, rows=rows, numeric=frozenset(range(2, len(headers))), caption=caption)


def events_table(summary: Summary) -> Table:
    """Attempts, checkpoints, restarts and validations in the order of time."""
    happened = sorted(_happened(summary), key=lambda row: row[0])
    caption = ""
    if len(happened) > MAX_EVENTS:
        caption = f"The first and last {MAX_EVENTS // 2} of {len(happened)} events."
        happened = happened[: MAX_EVENTS // 2] + happened[-MAX_EVENTS // 2 :]
    start = summary.start or 0.0
    rows = tuple((f"+{duration(time - start)}", what, told) for time, what, told in happened)
    return Table(headers=("time", "event", "detail"), rows=rows, numeric=frozenset((0,)), caption=caption)


def settings_tables(summary: Summary) -> tuple[Table, Table]:
    """The job: the case's settings, and the rest."""
    return _pairs("setting", summary.settings), _pairs("job", summary.layout)


def versions_table(summary: Summary) -> Table:
    """Versions of everything that took part."""
    return _pairs("software", summary.versions, "version")


def method(summary: Summary) -> tuple[str, ...]:
    """How the figures were made, in words; nothing where there are none."""
    steps = (
        f"Steady figures leave out the first {WARM_UP} steps of each attempt. Throughput is the count of all steady "
        "steps / their seconds, which include the wait for data and for checkpoints."
    )
    ranks = (
        "Ranks are compared by the median over the steady steps. A rank is behind, and its bar marked, where it is "
        f"further from the median of the ranks than steps differ anyway: {SIGMAS:g} robust standard deviations over "
        f"the steps, and {percent(NEGLIGIBLE)} of a step at least."
    )
    return (*([steps] if summary.series else []), *([ranks] if summary.ranks else []), "Times are UTC.")


def without_run(variables: Mapping[str, str], run: str) -> dict[str, str]:
    """Environment variables as those of another run have them: what points into the run's own folder is no other."""
    return {name: value.replace(f"/{run}/", "/RUN/") for name, value in variables.items()}


def flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Nested settings as dotted names with texts."""
    flat: dict[str, str] = {}
    for name, value in values.items():
        if isinstance(value, Mapping) and value:
            flat |= flatten(value, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = (
                value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False, default=str)
            )
    return flat


def _capped(names: Sequence[str], limit: int) -> str:
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(names[:limit]) + more


def _observed(finding: Finding) -> str:
    return f"{finding.observed} [{finding.evidence}]" if finding.evidence else finding.observed


def _step_row(point: Point, names: Sequence[str]) -> tuple[str, ...]:
    step, utilisation = point.event, point.mfu
    return (
        str(step.step),
        number(step.loss),
        quantity(point.throughput),
        duration(step.seconds),
        *(percent(utilisation.get(name)) for name in names),
        number(step.grad_norm, 4),
        number(step.learning_rate, 4),
    )


def _rank(rank: int | None, hosts: Sequence[str]) -> str:
    if rank is None:
        return UNKNOWN
    return f"{rank} on {hosts[rank]}" if rank < len(hosts) else str(rank)


def _behind(measure: RankMeasure) -> str:
    if measure.noise is None:
        return "unknown: too few steps"
    behind = [str(rank) for rank in measure.behind]
    return f"rank {_capped(behind, 8)}" if behind else f"none by more than {duration(measure.noise)}"


def _told(rows: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """The rows that tell something."""
    return tuple((name, value) for name, value in rows if value not in ("", UNKNOWN))


def _at(values: Sequence[float | None], rank: int) -> float | None:
    return values[rank] if rank < len(values) else None


def _happened(summary: Summary) -> Iterator[tuple[float, str, str]]:
    for attempt in summary.attempts:
        count = attempt.world_size
        ranks = f"{count} rank{'' if count == 1 else 's'}" if count else "number of ranks unknown"
        done = f", from step {attempt.info.start_step}" if attempt.info else ""
        yield attempt.start, f"attempt {attempt.number} starts", f"{ranks}{done}"
        outcome = attempt.outcome or "no end was recorded"
        step = f", last step {attempt.last_step}" if attempt.last_step is not None else ""
        yield (
            attempt.end,
            f"attempt {attempt.number} ends",
            f"{outcome}{step}" + (f": {attempt.reason}" if attempt.reason else ""),
        )
    for timed in summary.saved:
        e = timed.event
        kind = "asynchronous, " if e.asynchronous else ""
        size = f"step {e.step}, {bytes_(e.bytes)}, {kind}visible after {duration(e.seconds)}"
        told = f"{size}, training stood still for {duration(e.stall_seconds)}"
        yield timed.time, "checkpoint saved", told
    for timed in summary.loaded:
        e = timed.event
        yield timed.time, "checkpoint loaded", f"step {e.step}, written by {e.world_size} ranks, {duration(e.seconds)}"
    for timed in summary.restarts:
        e = timed.event
        rank = f" (rank {e.rank})" if e.rank is not None else ""
        yield timed.time, "restart", f"to attempt {e.attempt}: {e.reason}{rank}"
    for timed in summary.validations:
        e = timed.event
        told = ", ".join(f"{name} {number(value)}" for name, value in e.metrics.items())
        yield timed.time, "validation", f"step {e.step}: {told}, {duration(e.seconds)}"


def _pairs(name: str, values: Mapping[str, Any], value: str = "value") -> Table:
    """Without what is empty: it tells nothing."""
    rows = ((key, text) for key, text in flatten(values).items() if text not in ('""', "null", "[]", "{}"))
    return Table(headers=(name, value), rows=tuple(rows))
