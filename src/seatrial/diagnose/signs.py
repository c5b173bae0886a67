"""Everything in what a run left that may be its cause, or follow from it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from seatrial.diagnose import collectives, rules, stacks, tracebacks
from seatrial.diagnose.collectives import ranks_text
from seatrial.diagnose.left import Left
from seatrial.diagnose.signatures import meaning
from seatrial.diagnose.tracebacks import Error, Line
from seatrial.events import Step
from seatrial.findings import Finding, Rule
from seatrial.rank.lines import FAILURE


@dataclass(frozen=True, kw_only=True, slots=True)
class Sign:
    """One thing that went wrong."""

    rule: Rule
    """What it means."""
    said: str
    """What was seen."""
    ranks: tuple[int, ...] = ()
    """Whose it is; empty if nobody can tell."""
    when: float = math.inf
    """Unix seconds; infinite if unknown, so that what has a time comes first."""
    evidence: str = ""
    source: str = ""
    """Who says that it means this, where it is not the rule's source."""
    share: float | None = None
    """Of the time that it cost, of what slowed a run; None: not known."""


def of_logs(left: Left) -> list[Sign]:
    """The tracebacks that ended processes, and known messages of native code, of the newest attempt."""
    found = []
    for name, lines in left.logs.items():
        errors = [*tracebacks.errors(name, lines)]
        inside = {index for error in errors for index in error.lines}
        signs = [_of_error(error, lines) for error in errors]
        found += [sign for sign in signs if sign.when >= left.began]
        found += _messages(name, lines, inside)
    return found


def _of_error(error: Error, lines: Sequence[Line]) -> Sign:
    known = meaning(error.last)
    rule = rules.CRASH if error.last.startswith("Fatal Python error") else rules.ERROR
    rule = known.rule if known else rules.CONSEQUENCE if error.consequence else rule
    return Sign(
        rule=rule,
        said=error.last,
        ranks=() if error.rank is None else (error.rank,),
        when=_time_before(lines, error.lines.start, error.rank),
        evidence=f"{error.log}:{error.lines.start + 1}",
        source=known.source if known else "",
    )


def _time_before(lines: Sequence[Line], index: int, rank: int | None) -> float:
    """When a rank said that it failed, above its traceback."""
    for line in reversed(lines[max(index - 3, 0) : index]):
        told = FAILURE.search(line.text)
        if told and rank in (None, int(told["rank"])):
            return datetime.fromisoformat(told["time"]).timestamp()
    return math.inf


def _messages(name: str, lines: Sequence[Line], inside: set[int]) -> Iterator[Sign]:
    """Known messages outside of tracebacks: the first of each meaning and rank."""
    seen = set()
    for index, line in enumerate(lines):
        known = None if index in inside else meaning(line.text)
        if known is None or (known.rule, line.rank) in seen:
            continue
        seen.add((known.rule, line.rank))
        ranks = () if line.rank is None or known.of_any_process else (line.rank,)
        place = f"{name}:{index + 1}"
        yield Sign(rule=known.rule, said=line.text.strip(), ranks=ranks, evidence=place, source=known.source)


def of_events(left: Left) -> Iterator[Sign]:
    """A loss that was not a number, a full disk that a checkpoint met."""
    for timed in left.log.events:
        event = timed.event
        if isinstance(event, Step) and not (math.isfinite(event.loss) and math.isfinite(event.grad_norm or 0.0)):
            said = f"the loss or the gradient of step {event.step} is not a finite number"
            yield Sign(rule=rules.NOT_FINITE, said=said, when=timed.time, evidence="events.jsonl")
            break
    for finding in left.log.of(Finding):
        known = meaning(finding.observed) if finding.check == "checkpoint.save" else None
        if known is not None and known.rule in (rules.DISK, rules.STORAGE):
            yield Sign(rule=known.rule, said=finding.observed, evidence="events.jsonl", source=known.source)


def of_waiting(left: Left) -> Sign | None:
    """Why ranks wait for each other: by their flight recorders, or else by their stacks."""
    parting = collectives.find(left.dumps, left.world_size)
    if parting is not None:
        rule = {"missing": rules.COLLECTIVE_MISSING, "stuck": rules.HANG}.get(parting.kind, rules.COLLECTIVE_MISMATCH)
        # Of who wait, which name the collective's own files, too many to list for a large job.
        evidence = f"stacks/, flight recorders of {ranks_text([*left.dumps])}"
        said = parting.said
        where = [f"rank {rank} stands in {place}" for rank in parting.ranks if (place := stacks.place(left, rank))]
        return Sign(rule=rule, said="; ".join([said, *where[:4]]), ranks=parting.ranks, evidence=evidence)
    idle = stacks.elsewhere(left)
    if not idle:
        return None
    where = [f"rank {rank} stands in {stacks.place(left, rank)}" for rank in idle[:4]]
    said = f"{'; '.join(where)}; the others wait in a collective"
    return Sign(rule=rules.HANG, said=said, ranks=idle, evidence="stacks/")
