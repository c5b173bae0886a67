"""One rank of a run, whatever its framework: its place in the world, its arguments, its events, its end.

A launcher sets, beside what `seatrial.rank.place` reads,

- SEATRIAL_RUN: the folder of the run. Its job.json is the job, or else
- SEATRIAL_JOB: the text of job.json, where nobody could put it into the folder;
- SEATRIAL_ATTEMPT: the number of this start, where the launcher counts them;
- SEATRIAL_HEARTBEATS=1: give a sign of life after each step, for a launcher that watches;
- SEATRIAL_HANG_SECONDS: watch itself, where no launcher does (`seatrial.rank.watchdog`);
- SEATRIAL_PRINT_EVENTS=1: rank 0 also prints its events, for launchers that can only read logs;
- SEATRIAL_CHECKPOINTS=0: keep none, because the folder is lost with the node.
"""

from __future__ import annotations

import math
import os
import socket
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Literal, NoReturn

from seatrial.errors import ExitCode
from seatrial.events import PRINTED, Event, EventWriter, Heartbeat, RunEnd, RunStart, Step, encode, read_events
from seatrial.findings import Rule, Verdict
from seatrial.profiling import Profile
from seatrial.rank import machine
from seatrial.rank.place import place
from seatrial.rank.window import Recorder, Window

# Measured there it was noise: what a matrix product reaches depends on what else the cores do, so that one run's MFU
# was 104 %, and two runs of the same job could not be compared.
NO_PEAK_ON_CPU = "not stated: a CPU's cores have no peak that holds from one moment to the next"

NOT_WRITTEN = Rule(
    id="run.events-written",
    verdicts=(Verdict.UNKNOWN,),
    reads="what the file system answers to each event",
    expected="every event is in events.jsonl",
    why="what is not there cannot be judged: a loss that was not a number, a checkpoint that failed",
    remedy="free some space where the runs are, and run it again",
    source="docs/local.md",
    good="every event was written",
    bad="No space left on device",
)


class Rank:
    """Set up by `seatrial.rank.start`; use it as the only door to the run's folder.

    It has no collectives: what it says of other ranks is what it knows of itself. A framework's own class, such as
    `seatrial.train.worker.Worker`, replaces the methods that say so.
    """

    def __init__(self, run: Path, job: dict[str, Any]) -> None:
        self.run = run
        self.args: dict[str, Any] = job["args"]
        self.digest: str = job["digest"]
        self.pins: dict[str, str] = job["pins"]
        self.device_kind: str = job["device"]
        """What the job computes on: ``cpu``, ``cuda`` or ``neuron``."""
        self.rank, self.local_rank, self.world_size = place(job)
        self.processes_per_node: int = job["processes_per_node"]
        self.profile = Profile.of(job["profile"]) if job.get("profile") else None
        """What of the run is to be recorded by a profiler."""
        self.attempt = self._attempt()
        self.stop_signal: str | None = None
        """Name of the signal that asked this rank to write a checkpoint and stop."""
        self.when_started: Callable[[], None] = lambda: None
        """Called when the first step is about to be taken."""
        self.last_step = 0
        """The newest that was emitted."""
        self.keeps_checkpoints = os.environ.get("SEATRIAL_CHECKPOINTS") != "0"
        self.signs = 0
        """Signs of life that it gave."""
        self.in_steps = False
        """Whether it goes from step to step: not in a stage, nor while it writes a checkpoint, which may take long."""
        self._events = EventWriter(run / "events.jsonl") if self.rank == 0 else None
        self._print_events = os.environ.get("SEATRIAL_PRINT_EVENTS") == "1"
        self._heartbeat = self._open_heartbeat()
        self._window = self._open_window()
        self._finite = True
        self._ended = False
        self._unwritten = 0
        """Events that no file took."""

    def emit(self, event: Event) -> None:
        """Append an event to the run; only rank 0's are kept."""
        if isinstance(event, RunStart):
            self.when_started()
            self._at(event.start_step)
        if isinstance(event, Step):
            self.last_step = event.step
            self._finite = self._finite and math.isfinite(event.loss)
        if self._events is not None:
            line = encode(event, time.time())
            try:
                self._events.append(line)
            except OSError as error:  # a full disk ends no training: it may have space again at the next step
                if self._unwritten == 0:
                    print(f"warning: events.jsonl: {error.strerror}; training goes on", file=sys.stderr, flush=True)
                self._unwritten += 1
            if self._print_events:
                print(f"{PRINTED}{line.decode()}", end="", flush=True)

    def end(
        self, outcome: str, step: int, *, reason: str = "", ranks_agree: bool | None = None, final: bool = False
    ) -> None:
        """Say how this attempt ended; the first word counts. `final`: a restart would only come here again."""
        if self._window is not None and outcome != "failed":
            self._window.close()
        if not self._ended:
            if self._unwritten:
                observed = f"{self._unwritten} events were not written"
                self.emit(NOT_WRITTEN.finding(Verdict.UNKNOWN, observed, evidence="events.jsonl"))
            self.emit(RunEnd(outcome=outcome, step=step, reason=reason, ranks_agree=ranks_agree, final=final))
        self._ended, self.in_steps = True, False

    def stage(self, name: str) -> None:
        """Enter a stage that has no steps; also a sign of life."""
        self.emit(Heartbeat(phase=name, rank=self.rank))
        self.alive()
        self.in_steps = False

    def alive(self) -> None:
        """Give a sign of life, after each step."""
        self.signs += 1
        self.in_steps = True
        if self._heartbeat is not None:
            os.utime(self._heartbeat)

    def after_step(self, done: int) -> None:
        """Step `done` has been taken: a sign of life, and where a profile begins and ends."""
        self.alive()
        self._at(done)

    def leave_profile_to_framework(self) -> Profile | None:
        """What is to be recorded, for a framework that does it by flags of its own: this rank then does not."""
        self._window = None
        return self.profile

    @property
    def data(self) -> Path:
        """Folder of prepared data sets, beside the runs: SEATRIAL_DATA if it is set."""
        return Path(os.environ.get("SEATRIAL_DATA") or self.run.absolute().parent / "datasets")

    def request(self) -> Literal["stop", "give up"] | None:
        """What all ranks shall do now: write a checkpoint and stop, give up because a loss is not a number, or go on.

        A collective where there are any. Follow it with `leave`.
        """
        stop, broken = self.on_any_rank(self.stop_signal is not None, not self._finite)
        return "give up" if broken else "stop" if stop else None

    def leave(self, request: Literal["stop", "give up"], step: int, *, saved: bool) -> NoReturn:
        """End the process as `request` asked for; `saved` says whether a checkpoint of `step` was written."""
        if request == "give up":
            # It stays what it is, and a restart would only come here again.
            self.end("failed", step, reason=f"the loss of step {step} is not a finite number", final=True)
            sys.exit(ExitCode.INVALID)
        self.end("stopped" if saved else "failed", step, reason=self.stop_signal or "another rank was asked to")
        sys.exit(ExitCode.STOPPED if saved else ExitCode.FAILED)

    # --- what a framework's own class knows better ---

    def join(self) -> None:
        """Meet the other ranks. Raises UserError where that cannot be."""

    def part(self) -> None:
        """Take leave of the other ranks, before this process ends well or is stopped."""

    def on_any_rank(self, *flags: bool) -> list[bool]:
        """Each flag: whether it is set on any rank."""
        return list(flags)

    @property
    def backend(self) -> str:
        """Collective backend."""
        return "none"

    def hosts(self) -> list[str]:
        """Host name of every rank."""
        return [socket.gethostname()]

    def device_name(self) -> str:
        """The device for people."""
        return f"cpu ({machine.processor()})" if self.device_kind == "cpu" else self.device_kind

    def peak_memory(self) -> int:
        """Peak memory of this rank in bytes: device memory where there is one, else resident set."""
        return machine.peak_resident()

    def threads(self) -> int | None:
        """Threads that an operation may take on a CPU; None: not known."""
        return None

    def peak_flops(self, dtype: str) -> tuple[float | None, str]:
        """Dense peak FLOP/s of one rank at ``bf16`` or ``fp32``, and where the figure comes from; None if unknown."""
        return None, NO_PEAK_ON_CPU if self.device_kind == "cpu" else "unknown"

    def recorder(self, wanted: Profile, path: Path) -> Recorder | None:
        """What records a window of steps into a file of the run; None: steps are not recorded here."""
        return None

    def versions(self, packages: Iterable[str] = ()) -> dict[str, str]:
        """Versions of what decides a result, and of `packages`, as found in this process."""
        return machine.versions(["numpy", *self.pins, *packages])

    def _open_window(self) -> Window | None:
        wanted = self.profile
        if wanted is None or wanted.steps is None or not wanted.takes(self.rank):
            return None
        recorder = self.recorder(wanted, self.run / wanted.file(f"rank-{self.rank}"))
        return None if recorder is None else Window(*wanted.steps, recorder)

    def _at(self, done: int) -> None:
        if self._window is not None:
            self._window.at(done)

    def _attempt(self) -> int:
        if "SEATRIAL_ATTEMPT" in os.environ:
            return int(os.environ["SEATRIAL_ATTEMPT"])
        # An engine that starts a job anew does not count; what rank 0 wrote before does.
        return read_events(self.run / "events.jsonl").attempts() if self.rank == 0 else 0

    def _open_heartbeat(self) -> int | None:
        if os.environ.get("SEATRIAL_HEARTBEATS") != "1":
            return None
        return os.open(self.run / "heartbeats" / f"rank-{self.rank}", os.O_WRONLY | os.O_CREAT, 0o644)
