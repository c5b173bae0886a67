"""What a run left, read once: everything that a diagnosis looks at."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from seatrial.diagnose import dumps as flight
from seatrial.diagnose import tracebacks
from seatrial.diagnose.dumps import Dump, Unreadable
from seatrial.diagnose.tracebacks import Line
from seatrial.events import BEGIN, Event, EventLog, Heartbeat, Restart, RunStart
from seatrial.job import Job
from seatrial.runs import Run, State

MAX_STACKS = 64 * 1024
"""Bytes of a rank's stacks that are read, from the end."""
_HANGS = re.compile(r"rank \d+ gave no sign of life")
_DUMP = re.compile(r"(?P<kind>gloo|nccl|watchdog)-rank-(?P<rank>\d+)")


@dataclass(frozen=True, kw_only=True, slots=True)
class Left:
    """What a run left."""

    job: Job
    log: EventLog
    state: State
    engine: str = ""
    """The engine's own words about the job's end; empty on this machine."""
    logs: Mapping[str, Sequence[Line]] = field(default_factory=dict)
    """The ends of the logs, by their names relative to the run."""
    stacks: Mapping[int, str] = field(default_factory=dict)
    """What each rank wrote when it was last asked for its stacks."""
    dumps: Mapping[int, Dump] = field(default_factory=dict)
    """The flight recorder of each rank that left one, of the newest attempt."""
    unreadable: tuple[str, ...] = ()
    """Dumps that could not be read, and why."""

    @property
    def began(self) -> float:
        """When the newest attempt began: what is older is another one's."""
        return _began(self.log)

    @property
    def world_size(self) -> int:
        """Ranks of the newest attempt."""
        start = self.log.last(RunStart)
        return start.world_size if start else self.job.world_size


def read(run: Run) -> Left:
    """Everything in the folder of a run."""
    log, logs = run.events(), tracebacks.read(run)
    submission = run.submission()
    standing = submission.standing if submission else None
    dumps, unreadable = _dumps(run.path, _began(log))
    return Left(
        job=run.job,
        log=log,
        state=run.state(log),
        engine=standing.detail if standing else "",
        logs=logs,
        stacks=_printed_stacks(logs) | _stacks(run.path),
        dumps=dumps,
        unreadable=unreadable,
    )


def _began(log: EventLog) -> float:
    """As a launcher says, or where an engine starts the ranks again, rank 0."""
    return max((timed.time for timed in log.events if _begins(timed.event)), default=0.0)


def _begins(event: Event) -> bool:
    return isinstance(event, Restart) or (isinstance(event, Heartbeat) and (event.phase, event.rank) == (BEGIN, 0))


def _printed_stacks(logs: Mapping[str, Sequence[Line]]) -> dict[int, str]:
    """Those in the logs, where only these come back: of each rank what follows the last word of a hang."""
    found: dict[int, list[str]] = {}
    for text, rank in (line for lines in logs.values() for line in lines):
        if rank is not None and _HANGS.match(text):
            found[rank] = []
        elif rank in found:
            found[rank].append(text)
    return {rank: "\n".join(texts) for rank, texts in found.items()}


def _stacks(run: Path) -> dict[int, str]:
    found = {}
    for path in sorted((run / "stacks").glob("rank-*.txt")):
        number = path.stem.removeprefix("rank-")
        text = path.read_bytes()[-MAX_STACKS:].decode("utf-8", "replace")
        if number.isdigit() and text.strip():
            found[int(number)] = text
    return found


def _dumps(run: Path, began: float) -> tuple[dict[int, Dump], tuple[str, ...]]:
    """What the recorders of each rank knew: a job on GPUs has gloo's for its control beside NCCL's."""
    found: dict[int, list[Dump]] = {}
    unreadable = []
    for path in sorted((run / "stacks").glob("*-rank-*")):
        name, origin = _DUMP.fullmatch(path.name), f"stacks/{path.name}"
        if name is None:
            continue
        try:
            content = path.read_bytes()
            dump = flight.read(content, int(name["rank"]), origin) if content else None
        except OSError as error:
            unreadable.append(f"{origin}: {error.strerror}")
        except Unreadable as error:
            unreadable.append(f"{origin}: {error}")
        else:
            if dump is not None and dump.newest > began:
                found.setdefault(dump.rank, []).append(dump)
    return {rank: flight.merged(dumps) for rank, dumps in sorted(found.items())}, tuple(unreadable)
