"""Why a run failed: the rank that failed first, how it ended, its traceback, and the last lines of its log.

A rank that loses a peer fails, too, a moment later and with a traceback of its own; so the last failure is seldom the
cause. The launcher and torchrun say which process they saw end first; a traceback that only tells of a lost connection
is a consequence. Everything that is shown is masked (seatrial.masking).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from seatrial.diagnose import Diagnosis, tracebacks
from seatrial.diagnose.left import Left
from seatrial.diagnose.told import Told, of_launcher, of_torchrun
from seatrial.diagnose.tracebacks import LAST_LINES, Error, Line
from seatrial.events import EventLog
from seatrial.masking import mask
from seatrial.runs import Run, State

MAX_SILENT = 8
"""Logs without a traceback that are named."""

_NO_TRACEBACK = {
    "SIGKILL": "SIGKILL leaves no traceback. The kernel sends it where memory runs out, engines do at their limits.",
    "SIGTERM": "SIGTERM is how engines and people ask a process to end.",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Reason:
    """Why a run failed, as far as its folder tells."""

    what: str
    """In a sentence."""
    rank: int | None = None
    """The rank that failed first; None if nobody knows it."""
    ending: str = ""
    """``SIGKILL``, ``exit code 1``; empty if unknown."""
    error: str = ""
    """The last line of the traceback: ``ValueError: ...``."""
    traceback: str = ""
    """The rank's, with the exceptions that led to it."""
    log: str = ""
    """The log that the lines are of, relative to the run."""
    last_lines: tuple[str, ...] = ()
    """The end of that log, without the traceback."""
    step: int | None = None
    """The last step that was logged."""
    memory_bytes: int | None = None
    """Peak memory of rank 0 at that step; of other ranks it is not known."""
    note: str = ""
    """What the ending means, and where to look further."""
    cause: str = ""
    """The root cause that `seatrial diagnose` names, with its rule's id; empty if it names none."""


def find(run: Run, left: Left, found: Diagnosis) -> Reason | None:
    """The reason of a run that failed, or was lost with a traceback in its logs; None for any other."""
    log, state, logs = left.log, left.state, left.logs
    if state not in (State.FAILED, State.LOST):
        return None
    told = of_launcher(log) or of_torchrun(logs)
    error = _first(logs, told)
    if state is State.LOST and told is None and error is None:
        return None
    rank = told.rank if told and told.certain else error.rank if error else told.rank if told else None
    ending = told.ending if told and told.rank == rank else ""
    name = error.log if error else _log_of(told, rank, logs)
    steps = log.steps()
    return Reason(
        what=mask(_what(run, log, told, error, rank)),
        rank=rank,
        ending=ending,
        error=mask(error.last) if error else "",
        traceback=mask(error.text) if error else "",
        log=name,
        last_lines=tuple(mask(text) for text in _last(logs.get(name, ()), rank, error)),
        step=steps[-1].step if steps else None,
        memory_bytes=next((s.memory_bytes for s in reversed(steps) if s.memory_bytes is not None), None),
        note=_note(logs, error, ending, name),
        cause=_cause(found),
    )


def _cause(found: Diagnosis) -> str:
    return f"{found.cause.check}: {found.cause.observed}" if found.named else ""


def _what(run: Run, log: EventLog, told: Told | None, error: Error | None, rank: int | None) -> str:
    who = f"rank {rank}" if rank is not None else "a rank"
    if told and told.rank == rank:
        return f"{told.text}: {error.last}" if error else told.text
    if error:
        return f"{who} failed: {error.last}"
    end, submission = log.end(), run.submission()
    if end is not None and end.reason:
        return end.reason
    if submission is not None and submission.standing is not None and submission.standing.detail:
        return f"its engine says: {submission.standing.detail}"
    return "it failed, and nothing in its folder says why"


def _note(logs: Mapping[str, Sequence[Line]], error: Error | None, ending: str, name: str) -> str:
    if error is None:
        empty = f"{name} is empty." if name in logs and not logs[name] else ""
        return f"{_NO_TRACEBACK.get(ending, '')} {empty}".strip()
    if not error.consequence:
        return ""
    silent = [
        log for log, lines in logs.items() if log.startswith("logs/rank-") and not [*tracebacks.errors(log, lines)]
    ]
    told = f"there is no traceback in {', '.join(silent[:MAX_SILENT])}" if silent else "no log says more"
    return f"This may only follow from the end of another rank: {told}."


def _first(logs: Mapping[str, Sequence[Line]], told: Told | None) -> Error | None:
    """The traceback that is the cause: the first that tells of more than a lost peer, of the named rank if it has one.

    Where a process was ended by a signal, no other rank's traceback explains it.
    """
    errors = [error for name, lines in logs.items() for error in tracebacks.errors(name, lines)]
    if told and told.certain:
        return next((e for e in errors if e.rank == told.rank and e.fatal and not e.consequence), None)
    causes = [error for error in errors if not error.consequence] or errors
    mine = [error for error in causes if told and told.rank is not None and error.rank == told.rank]
    return next(iter(mine or causes), None)


def _log_of(told: Told | None, rank: int | None, logs: Mapping[str, Sequence[Line]]) -> str:
    """The log of who failed, even if it is empty; where nobody knows who, the last that holds anything."""
    own = [name for name in (told.log if told else "", f"logs/rank-{rank}.log") if name in logs]
    return next(iter([*own, *(name for name in reversed([*logs]) if logs[name] and rank is None)]), "")


def _last(lines: Sequence[Line], rank: int | None, error: Error | None) -> list[str]:
    """The end of a log, of one rank where its lines can be told apart. If a traceback is shown, without any: an attempt
    that ended in the same way left the same one there."""
    told = [(i, line) for i, line in enumerate(lines) if line.text.strip()]
    mine = [(i, line) for i, line in told if rank in (None, line.rank)] or told
    shown: set[int] = set()
    if error:
        for one in {line.rank for _, line in mine}:
            of_rank = [(i, line.text) for i, line in enumerate(lines) if line.rank == one]
            shown |= {i for found in tracebacks.tracebacks(error.log, one, of_rank) for i in found.lines}
    return [line.text for i, line in mine if i not in shown][-LAST_LINES:]
