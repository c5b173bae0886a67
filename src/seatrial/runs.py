"""The folder of a run: its job, events, logs and findings, and where it stands."""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from seatrial.errors import Problem, UserError
from seatrial.findings import Finding
from seatrial.job import PROGRAM, Job
from seatrial.standing import Phase, Standing, Submission

# A verb that has a history need not read a run: events are imported where they are read.
if TYPE_CHECKING:
    from seatrial.events import EventLog


class State(StrEnum):
    """Where a run stands. What could not be found out is LOST, never success."""

    QUEUED = "queued"
    """Handed to an engine that has not started it yet."""
    STARTING = "starting"
    RUNNING = "running"
    COMPLETED = "completed"
    """All steps done. Whether they are good is the verdict's business."""
    STOPPED = "stopped"
    """Stopped on request; can be resumed."""
    FAILED = "failed"
    LOST = "lost"
    """Its processes are gone and it never said how it ended."""

    @property
    def live(self) -> bool:
        """Whether it may still change without anybody's doing."""
        return self in (State.QUEUED, State.STARTING, State.RUNNING)


@dataclass(frozen=True, kw_only=True, slots=True)
class Notes:
    """What people noted about a run: notes.json."""

    text: str = ""
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Run:
    """A job that was started."""

    path: Path

    @property
    def id(self) -> str:
        """The folder's name."""
        return self.path.name

    @property
    def job(self) -> Job:
        """What was started. Raises UserError if job.json cannot be read."""
        try:
            return Job.from_json((self.path / "job.json").read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise UserError(Problem(f"cannot be read: {error}", str(self.path / "job.json"))) from None

    def started(self) -> float:
        """When it was first started, Unix seconds: its first event, or else its job.json, which a resume renews."""
        from seatrial.events import decode

        with contextlib.suppress(OSError, ValueError), self.events_path.open("rb") as file:
            first = decode(file.readline())
            if first is not None:
                return first.time
        return (self.path / "job.json").stat().st_mtime

    def save_job(self, job: Job) -> None:
        """Write job.json, and the files that go with it: when the run is created, and when it is resumed."""
        for path, file in job.files.items():
            if file.text is not None:
                target = self.path / PROGRAM / path
                target.parent.mkdir(parents=True, exist_ok=True)
                replace_text(target, file.text)
        replace_text(self.path / "job.json", job.to_json())

    @property
    def case_file(self) -> Path | None:
        """The run's own copy of the file that defines its case; None: its case is in no file, or the copy is gone."""
        found = next((self.path / PROGRAM / path for path in self.job.files), None)
        return found if found is not None and found.is_file() else None

    @property
    def events_path(self) -> Path:
        """events.jsonl"""
        return self.path / "events.jsonl"

    @property
    def plan_path(self) -> Path:
        """Folder of the plan that was executed last."""
        return self.path / "plan"

    @property
    def checkpoints(self) -> Path:
        """Folder of checkpoints: this run's own, so that two models never meet."""
        return self.path / "checkpoints"

    @property
    def report_path(self) -> Path:
        """report.html"""
        return self.path / "report.html"

    def log_path(self, rank: int) -> Path:
        """What a rank printed."""
        return self.path / "logs" / f"rank-{rank}.log"

    def heartbeat_path(self, rank: int) -> Path:
        """File whose modification time is the rank's last sign of life."""
        return self.path / "heartbeats" / f"rank-{rank}"

    def events(self) -> EventLog:
        """Everything that happened so far. A run that was cancelled has stopped, even if no rank lived to say it."""
        from seatrial.events import read_events

        return self.ended_if_cancelled(read_events(self.events_path))

    def ended_if_cancelled(self, log: EventLog) -> EventLog:
        """The same events, and an end if the run was cancelled and none of them is one."""
        from seatrial.events import RunEnd, Step, Timed

        if self._cancelled_path.exists() and log.end() is None and not self._goes_on():
            reason = "cancelled" if log.events else "cancelled before it started"
            step = max((step.step for step in log.of(Step)), default=0)
            moment = self._cancelled_path.stat().st_mtime
            log.events.append(Timed(moment, RunEnd(outcome="stopped", step=step, reason=reason)))
        return log

    def mark_cancelled(self) -> None:
        """Note that the user wants it to end: before it is asked to, so that nobody who looks on calls it lost.

        A file of its own, since whoever looks on rewrites submission.json.
        """
        self._cancelled_path.touch()

    def unmark_cancelled(self) -> None:
        """It was not asked to end after all, or is to go on."""
        self._cancelled_path.unlink(missing_ok=True)

    @property
    def _cancelled_path(self) -> Path:
        return self.path / "cancelled"

    def _goes_on(self) -> bool:
        """Whether its owner or its engine still has it, as last seen."""
        submission = self.submission()
        standing = submission.standing if submission else None
        return self.supervisor() is not None or (
            standing is not None and standing.phase in (Phase.QUEUED, Phase.RUNNING)
        )

    def supervisor(self) -> int | None:
        """Process id of the command that runs this job on this machine, if it is alive."""
        try:
            record = json.loads((self.path / "supervisor.json").read_text())
        except (OSError, ValueError):
            return None
        alive = process_started(record["pid"]) == record["started"]
        return int(record["pid"]) if alive else None

    def claim(self) -> None:
        """Record this process as the one that runs the job. Raises UserError if another one does."""
        owner = self.supervisor()
        if owner is not None and owner != os.getpid():
            raise UserError(
                Problem(f"{self.id} is running already (process {owner})", remedy=f"seatrial cancel {self.id}")
            )
        record = {"pid": os.getpid(), "started": process_started(os.getpid())}
        (self.path / "supervisor.json").write_text(json.dumps(record))

    def release(self) -> None:
        """Forget the owner."""
        (self.path / "supervisor.json").unlink(missing_ok=True)

    def submission(self) -> Submission | None:
        """What was handed to an engine; None for a run of this machine."""
        try:
            record = json.loads((self.path / "submission.json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        if record["standing"] is not None:
            record["standing"]["phase"] = Phase(record["standing"]["phase"])
            record["standing"] = Standing(**record["standing"])
        return Submission(**record)

    def save_submission(self, submission: Submission) -> None:
        """Write submission.json anew."""
        replace_text(self.path / "submission.json", json.dumps(asdict(submission), indent=2) + "\n")

    def state(self, log: EventLog | None = None) -> State:
        """Where the run stands: from its owner or its engine, as last seen, and from its events, which `log` may be."""
        from seatrial.events import Heartbeat, RunStart

        log, submission = log or self.events(), self.submission()
        standing = submission.standing if submission else None
        if self.supervisor() is not None or (standing and standing.phase is Phase.RUNNING):
            return State.RUNNING if log.last(RunStart) or log.last(Heartbeat) else State.STARTING
        if standing is not None and standing.phase is Phase.QUEUED:
            return State.QUEUED
        end = log.end()
        if end is not None:
            return State(end.outcome)
        # Without a word of the job itself an engine's success proves nothing, but its failure does.
        return State.FAILED if standing is not None and standing.failed else State.LOST

    def notes(self) -> Notes:
        """What people noted about it; nothing where that cannot be read."""
        try:
            record = json.loads((self.path / "notes.json").read_text(encoding="utf-8"))
            return Notes(text=str(record["text"]), tags=tuple(map(str, record["tags"])))
        except (OSError, ValueError, LookupError, TypeError):
            return Notes()

    def save_notes(self, notes: Notes) -> None:
        """Write notes.json anew."""
        replace_text(self.path / "notes.json", json.dumps(asdict(notes)) + "\n")

    def save_findings(self, findings: Iterable[Finding]) -> None:
        """Write findings.jsonl anew."""
        lines = [json.dumps(asdict(finding)) + "\n" for finding in findings]
        replace_text(self.path / "findings.jsonl", "".join(lines))

    def findings(self) -> list[Finding]:
        """The verdict's findings; empty if the run was not judged yet."""
        path = self.path / "findings.jsonl"
        if not path.exists():
            return []
        return [Finding.of(json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]


def process_started(pid: int) -> str | None:
    """When a process began, as a text that tells it from a later one with the same id; None if there is none."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return _started_by_ps(pid)
    fields = stat[stat.rfind(")") + 2 :].split()
    return None if fields[0] == "Z" else fields[19]  # starttime in clock ticks, proc(5)


def _started_by_ps(pid: int) -> str | None:
    if Path("/proc/self/stat").exists():
        return None
    import subprocess  # macOS has no /proc

    answer = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return answer.stdout.strip() or None


def replace_text(path: Path, text: str) -> None:
    """Write a file so that a reader sees either the old text or the new one, never half of it."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{time.monotonic_ns()}")
    try:
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)  # on a full disk it is in the way of all else
        raise
