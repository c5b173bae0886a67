"""What a run shows while it trains: a live line on a terminal, plain lines otherwise. On stderr."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
from rich.progress import Progress as Bar

from seatrial.attempts import Attempts
from seatrial.errors import Problem, UserError
from seatrial.events import (
    CheckpointLoaded,
    CheckpointSaved,
    EventReader,
    Heartbeat,
    Restart,
    RunStart,
    Step,
    StopRequested,
    Validation,
    decode,
)
from seatrial.findings import Finding
from seatrial.flow import PACE
from seatrial.history import History
from seatrial.report.format import duration, percent, quantity
from seatrial.runs import Run

PLAIN_SECONDS = 5.0
"""Between two plain lines about steps."""
EARLIER = 20
"""Runs that are looked through for one like this."""


class Progress:
    """Follows a run's events and shows them; `update` is called several times a second."""

    def __init__(self, run: Run, *, quiet: bool = False) -> None:
        self._reader = EventReader(run.events_path)
        self._attempts = Attempts(self._reader.read())  # those before are not shown, but count for the steady figures
        self._run = run
        self._quiet = quiet
        self._console = Console(stderr=True, highlight=False)
        self._start: RunStart | None = None
        self._began = time.monotonic()
        self._usual = _usual_start(run)
        self._phase = self._told = self._first = f"start: import {', '.join(run.job.requires)}".removesuffix(" import ")
        self._last_line = 0.0
        self._bar: Bar | None = None
        self._live: Live | None = None

    def __enter__(self) -> Progress:
        self._say(
            f"{self._run.job.label} as {self._run.id}: {self._run.job.world_size} ranks on {self._run.job.cluster}"
        )
        if sys.stderr.isatty() and not self._quiet:
            columns = (
                TextColumn("{task.description}"),
                BarColumn(bar_width=24),
                MofNCompleteColumn(),
                TextColumn("{task.fields[text]}"),
            )
            self._bar = Bar(*columns, console=self._console, auto_refresh=False)
            self._task = self._bar.add_task("starting", total=None, text="")
            # No refresh thread: the launcher forks, and a fork in a threaded process can inherit a locked lock.
            self._live = Live(self._bar, console=self._console, auto_refresh=False, transient=True)
            self._live.start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.update()
        if self._live is not None:
            self._live.stop()

    def silence(self, problems: Sequence[Problem]) -> None:
        """Say that the engine does not answer, and why; with no problem, that it does again."""
        for problem in problems:
            self._say(f"no answer for now, asked again for {duration(PACE.patience)}: {problem.what}")
        if not problems:
            self._say("it answers again")

    def update(self) -> None:
        """Show what has happened since the last call."""
        for timed in self._reader.read():
            self._attempts.take(timed)
            self._show(timed.event)
        if self._start is None and self._run.job.purpose == "training":
            self._wait()
        if self._live is not None:
            self._live.refresh()

    def _show(self, event: Any) -> None:
        match event:
            case RunStart():
                self._start, self._phase = event, ""
                self._describe(self._run.job.purpose, total=event.steps, completed=event.start_step, text="")
            case Step():
                self._step(event)
            case Heartbeat() if self._run.job.purpose != "training":
                self._prepare(event.phase)
            case Heartbeat():
                self._phase = event.phase
            case StopRequested():
                self._describe("stopping")
            case Restart():
                self._start, self._began, self._phase = None, time.monotonic(), self._first
        # A check finds hundreds of things, which are told by node when it is over.
        if not (isinstance(event, Finding) and self._run.job.purpose == "check") and (line := told(event)):
            self._say(line)

    def _wait(self) -> None:
        """What the start is waiting for, how long it has, and how long it took the last time."""
        waited = time.monotonic() - self._began
        submission = self._run.submission()
        if submission is not None and submission.standing is not None and not self._reader.log.events:
            self._phase = submission.standing.detail or submission.standing.phase
        before = "" if self._usual is None else f", last time {duration(round(self._usual))}"
        self._describe(self._phase, text=f"{duration(round(waited))}{before}")
        if self._bar is None and waited >= PLAIN_SECONDS and self._phase != self._told:
            self._told = self._phase
            self._say(f"{self._phase}: {duration(round(waited))}{before}")

    def _step(self, step: Step) -> None:
        text = self._figures(step)
        if self._bar is not None:
            self._bar.update(self._task, completed=step.step, text=text)
        elif time.monotonic() - self._last_line >= PLAIN_SECONDS or (self._start and step.step == self._start.steps):
            self._last_line = time.monotonic()
            total = f"/{self._start.steps}" if self._start else ""
            self._say(f"step {step.step}{total}  {text}")

    def _prepare(self, phase: str) -> None:
        """How far it is: a preparation has no steps."""
        self._describe(phase)
        if self._bar is None and time.monotonic() - self._last_line >= PLAIN_SECONDS:
            self._last_line = time.monotonic()
            self._say(phase)

    def _figures(self, step: Step) -> str:
        """Loss, and as soon as there is a steady step: speed, MFU and the time that is left."""
        start, steady = self._start, self._attempts.steady()
        if steady.step_seconds is None:
            return f"loss {step.loss:.4f}"
        unit = start.unit if start else "tokens"
        parts = [f"loss {step.loss:.4f}", quantity(steady.throughput, f"{unit}/s")]
        if start is not None:
            shares = self._attempts.mfu()
            # The last convention is the causal one where there is any: an encoder has none.
            parts += [f"MFU {percent(share)} ({name})" for name, share in list(shares.items())[-1:]]
            parts.append(f"ETA {duration((start.steps - step.step) * steady.step_seconds)}")
        return "  ".join(parts)

    def _describe(self, description: str, **fields: Any) -> None:
        if self._bar is not None:
            self._bar.update(self._task, description=description, **fields)

    def _say(self, line: str) -> None:
        if not self._quiet:
            self._console.print(line, markup=False, soft_wrap=True)


def told(event: Any) -> str:
    """What is said of an event; nothing of those that the line itself shows."""
    match event:
        case RunStart() if event.parameters is None and event.unit == "samples":  # there is no model
            return f"{event.device}, {event.backend}"
        case RunStart():
            return f"{event.device}, {event.backend}, {quantity(event.parameters, '')} parameters"
        case Validation():
            figures = ", ".join(f"{name} {value:.4f}" for name, value in event.metrics.items())
            return f"step {event.step}: validation {figures}"
        case CheckpointSaved():
            return f"step {event.step}: checkpoint {event.path} ({event.stall_seconds:.2f} s stall)"
        case CheckpointLoaded():
            return f"goes on from {event.path}, step {event.step}"
        case StopRequested():
            return f"{event.signal}: the ranks write a checkpoint and stop; Ctrl-C again kills them"
        case Restart():
            return f"restart {event.attempt}: {event.reason}"
        case Finding():
            return f"{event.verdict} {event.check}: {event.observed}"
    return ""


def _usual_start(run: Run) -> float | None:
    """Seconds that the newest like it took from its folder to its first step; None if there is none that tells."""
    for earlier in reversed(History(run.path.parent).runs[-EARLIER:]):
        with contextlib.suppress(UserError, OSError):
            alike = (earlier.job.label, earlier.job.cluster) == (run.job.label, run.job.cluster)
            if alike and earlier.id != run.id and (started := _first_start(earlier)) is not None:
                seconds = started - (earlier.path / "job.json").stat().st_mtime
                return seconds if seconds > 0 else None  # it was resumed: its job.json is younger
    return None


def _first_start(run: Run) -> float | None:
    with run.events_path.open("rb") as lines:
        for line in lines:
            with contextlib.suppress(ValueError):
                timed = decode(line)
                if timed is not None and isinstance(timed.event, RunStart):
                    return timed.time
    return None
