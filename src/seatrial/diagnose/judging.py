"""From what a run left to its diagnosis: one root cause, and what followed from it.

In this order, the first that there is: what the engine did itself; a loss that is not a number; how the first process
ended, as whoever watched it says; why ranks wait for each other; the first error in time; a scheduler's limit. A
time-out of a collective and a lost peer are never a cause: they say that another rank was not there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from seatrial.diagnose import expected, rules, slow
from seatrial.diagnose.collectives import ranks_text
from seatrial.diagnose.left import Left
from seatrial.diagnose.signatures import ADVICE, meaning, of_engine
from seatrial.diagnose.signs import Sign, of_events, of_logs, of_waiting
from seatrial.diagnose.told import Told, of_launcher, of_torchrun
from seatrial.events import Restart
from seatrial.findings import Finding, Verdict
from seatrial.masking import mask
from seatrial.runs import State

MAX_CONSEQUENCES = 32
"""Consequences that are told; in a large job every rank has one."""
_FOLLOWS = (rules.CONSEQUENCE, rules.HANG)


@dataclass(frozen=True, slots=True)
class Slowing:
    """One cause of slowness."""

    finding: Finding
    share: float | None
    """Of the time that it cost; None: not known. Causes may overlap, so that shares need not add up."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The root cause of what happened to a run, and what followed from it."""

    cause: Finding
    """PASS: there is nothing to explain. UNKNOWN: what the run left does not tell."""
    consequences: tuple[Finding, ...] = ()
    share: float | None = None
    """Of the time that the cause cost, if it slowed the run; None: not known."""
    slowed_by: tuple[Slowing, ...] = ()
    """What slowed it besides, by what it cost."""
    related: tuple[Slowing, ...] = ()
    """What else was found about a slow run, by other rules than a diagnosis has: see seatrial.related."""

    @property
    def named(self) -> bool:
        """Whether a cause is named."""
        return self.cause.verdict in (Verdict.FAIL, Verdict.WARN)

    @property
    def findings(self) -> list[Finding]:
        """The cause first."""
        return [self.cause, *(one.finding for one in self.slowed_by), *self.consequences]


def blamed(finding: Finding) -> str:
    """Whose it is: ``rank 3``; empty if nobody can tell."""
    ranks = finding.scope.get("rank")
    return ranks_text(ranks) if ranks else ""


def judge(left: Left) -> Diagnosis:
    """The diagnosis of a run. Pure."""
    if left.state in (State.FAILED, State.LOST):
        return _of_failure(left)
    signs = _of_restarts(left)
    if left.state is State.COMPLETED:
        signs = [sign for sign in of_events(left) if sign.rule is not rules.NOT_FINITE] + signs
    if limit := of_engine(left.engine):
        signs.insert(0, Sign(rule=limit.rule, said=left.engine, evidence="its engine", source=limit.source))
    slowing = slow.signs(left)
    if not signs and not slowing:
        return Diagnosis(_nothing(left))
    root, *others = signs or slowing[:1]
    rest = slowing if signs else slowing[1:]
    slowed_by = tuple(Slowing(_finding(sign, Verdict.WARN), sign.share) for sign in rest)
    return replace(_told(root, others, Verdict.WARN), share=root.share, slowed_by=slowed_by)


def _of_failure(left: Left) -> Diagnosis:
    told = of_launcher(left.log) or of_torchrun({name: [*lines] for name, lines in left.logs.items()})
    logs, waiting = of_logs(left), of_waiting(left)
    events = [*of_events(left)]
    everything = [*logs, *events, *([waiting] if waiting else [])]
    root = _with_memory(_root(left, told, logs, events, waiting), told, logs)
    if root is None:
        return Diagnosis(_unknown(left, told), _consequences(everything))
    others = [sign for sign in everything if sign.said not in root.said]
    return _told(root, others, Verdict.FAIL)


def _root(left: Left, told: Told | None, logs: list[Sign], events: list[Sign], waiting: Sign | None) -> Sign | None:
    engine = of_engine(left.engine)
    by_engine = None
    if engine is not None:
        by_engine = Sign(rule=engine.rule, said=left.engine, evidence="its engine", source=engine.source)
        if engine.rule is not rules.TIME_LIMIT:
            return by_engine
    end = left.log.end()
    if end is not None and end.final:
        diverged = next((sign for sign in events if sign.rule is rules.NOT_FINITE), None)
        said = end.reason.partition("\n")[0]
        if diverged or said:
            return diverged or Sign(rule=rules.INPUT, said=said, evidence="events.jsonl")
    if told is not None and told.certain:
        return _of_signal(told, logs, waiting, left)
    errors = sorted((sign for sign in logs if sign.rule not in _FOLLOWS), key=lambda sign: sign.when)
    hung = told is not None and told.ending == "no sign of life"
    if waiting is not None and (hung or not errors):
        return None if waiting.rule is rules.HANG and not waiting.ranks else waiting
    if errors:
        return _first(errors, told, waiting, left)
    full = next((sign for sign in events if sign.rule is not rules.NOT_FINITE), None)
    return full or by_engine


def _with_memory(root: Sign | None, told: Told | None, logs: Sequence[Sign]) -> Sign | None:
    """A kill with what the launcher, or else the kernel or the scheduler, says of memory that ran out."""
    if root is None or root.rule is not rules.KILLED:
        return root
    known = meaning(told.text) if told else None
    if known is not None and known.rule is rules.HOST_MEMORY:
        return replace(root, rule=known.rule, source=known.source)
    found = next((sign for sign in logs if sign.rule is rules.HOST_MEMORY and not sign.ranks), None)
    if found is None:
        return root
    evidence = f"{root.evidence}; {found.evidence}"
    return replace(found, said=f"{root.said}; {found.said}", ranks=root.ranks, evidence=evidence)


def _first(errors: list[Sign], told: Told | None, waiting: Sign | None, left: Left) -> Sign:
    """The first in time; where times are not known, that of the rank that was seen to end first."""
    same = [sign for sign in errors if sign.when == errors[0].when]
    mine = [sign for sign in same if told is not None and told.rank in sign.ranks]
    first = next(iter(mine or same))
    # faulthandler says only that there was a signal; what native code said stands above it, in the same log.
    said = [sign for sign in errors if sign.ranks == first.ranks and sign.rule is not rules.CRASH]
    return _parted(next(iter(said), first) if first.rule is rules.CRASH else first, waiting, left)


def _of_signal(told: Told, logs: list[Sign], waiting: Sign | None, left: Left) -> Sign:
    """A process was ended by a signal: by its own fault, which its log may explain, or from outside."""
    mine = [sign for sign in logs if told.rank in sign.ranks and sign.rule not in _FOLLOWS]
    ranks = () if told.rank is None else (told.rank,)
    if told.ending == "SIGKILL":
        return Sign(rule=rules.KILLED, said=told.text, ranks=ranks, evidence=told.log)
    said = [sign for sign in mine if sign.rule not in (rules.CRASH, rules.ERROR)]
    if said:
        return _parted(said[0], waiting, left)
    return Sign(rule=rules.CRASH, said=told.text, ranks=ranks, evidence=told.log)


def _parted(sign: Sign, waiting: Sign | None, left: Left) -> Sign:
    """A mismatch that a message tells of, with the ranks that recorders tell of: who met it may not be its cause."""
    if sign.rule is not rules.COLLECTIVE_MISMATCH:
        return sign
    if waiting is not None and waiting.rule is rules.COLLECTIVE_MISMATCH:
        said = f"{waiting.said}: {sign.said}"
        return replace(sign, said=said, ranks=waiting.ranks, evidence=f"{sign.evidence}; {waiting.evidence}")
    if len(left.dumps) > 1 and not set(sign.ranks) & left.dumps.keys():
        return replace(sign, said=f"{sign.said} (the other ranks' recorders agree with each other)")
    return replace(sign, ranks=())


def _of_restarts(left: Left) -> list[Sign]:
    """Why attempts before the last ended, as the launcher said."""
    found = []
    for restart in left.log.of(Restart):
        rule = rules.KILLED if "SIGKILL" in restart.reason else rules.CRASH if "SIG" in restart.reason else rules.ERROR
        rule = rules.HANG if "no sign of life" in restart.reason else rule
        known = meaning(restart.reason)
        rule = known.rule if known is not None and known.rule is rules.HOST_MEMORY else rule
        ranks = () if restart.rank is None else (restart.rank,)
        said = f"attempt {restart.attempt - 1}: {restart.reason}"
        found.append(Sign(rule=rule, said=said, ranks=ranks, evidence="events.jsonl"))
    return found


def _told(root: Sign, others: Iterable[Sign], verdict: Verdict) -> Diagnosis:
    return Diagnosis(_finding(root, verdict), _consequences(others))


def _finding(sign: Sign, verdict: Verdict) -> Finding:
    scope = {"rank": list(sign.ranks)} if sign.ranks else None
    finding = sign.rule.finding(verdict, _text(sign), evidence=sign.evidence, scope=scope)
    return replace(finding, source=sign.source) if sign.source else finding


def _text(sign: Sign) -> str:
    return mask(ADVICE.split(sign.said)[0].strip() or sign.said)


def _consequences(signs: Iterable[Sign]) -> tuple[Finding, ...]:
    """One for each rank and message, without the advice that some carry."""
    found: dict[tuple[tuple[int, ...], str], Finding] = {}
    for sign in signs:
        scope = {"rank": list(sign.ranks)} if sign.ranks else None
        told = rules.CONSEQUENCE.finding(Verdict.WARN, _text(sign), evidence=sign.evidence, scope=scope)
        found.setdefault((sign.ranks, sign.said), told)
    return tuple(found.values())[:MAX_CONSEQUENCES]


def _nothing(left: Left) -> Finding:
    """There is nothing to explain, as far as one can see."""
    if left.state.live:
        return rules.NOTHING.finding(Verdict.UNKNOWN, f"it is {left.state}, and nothing shows so far")
    end = left.log.end()
    if left.state is State.STOPPED:
        why = end.reason if end else ""
        return rules.NOTHING.finding(Verdict.PASS, f"it was asked to stop{f': {why}' if why else ''}")
    return expected.advice(left) or rules.NOTHING.finding(Verdict.PASS, f"it completed; {slow.looked_at(left)}")


def _unknown(left: Left, told: Told | None) -> Finding:
    end = left.log.end()
    known = told.text if told else end.reason if end and end.reason else left.engine
    said = known or "its processes are gone, and it never said how it ended"
    lost = [f"could not be read: {one}" for one in left.unreadable]
    return rules.NOTHING.finding(Verdict.UNKNOWN, mask("; ".join([f"{said}; nothing says why", *lost])))
