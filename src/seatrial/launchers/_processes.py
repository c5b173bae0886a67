"""A group of processes that live and die together."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from seatrial.errors import ExitCode, Problem, UserError
from seatrial.interrupts import Interrupts
from seatrial.launchers import _shared_memory
from seatrial.rank.memory import OomKills
from seatrial.runs import Run

TICK = 0.2
"""Seconds between two looks at heartbeats and events. The end of a process is noticed at once."""
START_SECONDS = 1800.0
"""Seconds until a rank's first sign of life, at least: it imports, from a file system that may be slow."""
LAST_WORDS = 2.0
"""Seconds that ranks get at most to write their stacks and what they know of their collectives, before they are killed.
It takes 20 ms of a CPU, but of a machine that may be busy (torch 2.13)."""
DYING = 0.3
"""Seconds that a process which was killed has to be gone, after a peer has ended because of it."""
KILLED = (-signal.SIGKILL, 128 + signal.SIGKILL)
"""How a process ends by SIGKILL, and how one that started it says so."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Program:
    """One process of a group."""

    name: str
    """What it is, for people: ``rank 3``, ``node 0``, ``driver``."""
    argv: tuple[str, ...]
    env: Mapping[str, str]
    ranks: range
    """The rank that it is, or the ranks that it starts."""

    @property
    def rank(self) -> int | None:
        """The rank that it is; None if it starts ranks."""
        return self.ranks[0] if self.name.startswith("rank ") else None

    @property
    def log(self) -> str:
        """What it prints, relative to the run's folder: ``logs/rank-3.log``."""
        return f"logs/{self.name.replace(' ', '-')}.log"


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a group could not go on."""

    reason: str
    program: Program | None
    """The one that was the cause, if one was."""
    exit_code: int
    hang: bool = False

    @property
    def worth_a_restart(self) -> bool:
        """Whether another attempt could end differently."""
        return self.exit_code not in (ExitCode.USAGE, ExitCode.INVALID, ExitCode.STOPPED)

    @property
    def rank(self) -> int | None:
        """The rank that was the cause, if one was."""
        return self.program.rank if self.program else None

    @property
    def log(self) -> str:
        """The log of what was the cause; empty if nothing was."""
        return self.program.log if self.program else ""


class Group:
    """The processes of one attempt."""

    def __init__(
        self, programs: list[Program], run: Run, hang_seconds: float, grace: float, on_stop: Callable[[str], None]
    ) -> None:
        """`on_stop` is told the signal by which the group is asked to stop, as soon as its processes are told."""
        self.programs = programs
        self.run = run
        self.hang_seconds = hang_seconds
        self.grace = grace
        self._on_stop = on_stop
        self._stopping_since: float | None = None
        self._processes: list[subprocess.Popen[bytes]] = []
        for path in (run.path / "heartbeats").iterdir():
            path.unlink()  # of the attempt before
        self._started = time.time()
        self._oom_kills = OomKills()
        try:
            for program in programs:
                self._processes.append(_spawn(program, run))
        except BaseException:
            self._kill()
            raise

    def watch(self, interrupts: Interrupts, on_tick: Callable[[], None]) -> Failure | None:
        """Wait for the end. None if every process ended well, or stopped with a checkpoint as it was asked to.

        Raises UserError if the run's folder is deleted: nobody could go on from what the ranks do then.
        """
        try:
            while True:
                interrupts.wait(TICK)
                on_tick()
                if not self.run.path.is_dir():
                    raise UserError(Problem("was deleted, so the ranks were stopped", str(self.run.path)))
                codes = [process.poll() for process in self._processes]
                failure = self._dead(codes)
                if failure is not None and failure.exit_code == ExitCode.FAILED:
                    self._ask_for_last_words(survivors=True)
                    failure = self._killed() or failure
                elif failure is not None and failure.exit_code in (ExitCode.USAGE, ExitCode.INVALID):
                    self._let_end()  # all find the same, and rank 0 says what
                failure = failure or self._stop(interrupts) or self._hang(codes)
                if failure is not None:
                    return failure
                if None not in codes:
                    return None
        finally:
            self._kill()

    def exit_codes(self) -> list[int]:
        """Of all processes, once `watch` has returned."""
        return [process.returncode for process in self._processes]

    def _dead(self, codes: list[int | None]) -> Failure | None:
        # A rank that loses a peer ends, too, and with an exit code, or it aborts: one that was killed came first.
        ended = sorted(zip(self.programs, codes, strict=True), key=lambda one: _order(one[1]))
        for program, code in ended:
            if code == -signal.SIGTERM and self._stopping_since is not None:
                return Failure("stopped before it could write a checkpoint", None, ExitCode.STOPPED)
            if code not in (None, ExitCode.PASSED, ExitCode.STOPPED):
                assert code is not None
                how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
                if code in KILLED and (told := self._oom_kills.said()):
                    how += f"; {told}"
                kept = code if code in (ExitCode.USAGE, ExitCode.INVALID) else ExitCode.FAILED
                return Failure(f"{program.name} {how}", program, kept)
        return None

    def _killed(self) -> Failure | None:
        """One that was killed, and took longer to be gone, with all its memory, than a peer to fail of its silence."""
        deadline = time.monotonic() + (LAST_WORDS if self._oom_kills.said() else DYING)
        while True:
            codes = [process.poll() for process in self._processes]
            if -signal.SIGKILL in codes:
                return self._dead(codes)
            if None not in codes or time.monotonic() > deadline:
                return None
            time.sleep(0.01)

    def _let_end(self) -> None:
        deadline = time.monotonic() + LAST_WORDS
        while time.monotonic() < deadline and any(process.poll() is None for process in self._processes):
            time.sleep(0.01)

    def _stop(self, interrupts: Interrupts) -> Failure | None:
        if not interrupts.requests:
            return None
        if self._stopping_since is None:
            self._stopping_since = time.monotonic()
            for process in self._processes:
                _send(process, signal.SIGTERM)
            self._on_stop(interrupts.requests[0])
        if len(interrupts.requests) > 1:
            return Failure("killed on request", None, ExitCode.STOPPED)
        if time.monotonic() - self._stopping_since > self.grace:
            return Failure(f"no rank stopped within {self.grace:.0f} s of the request", None, ExitCode.STOPPED)
        return None

    def _hang(self, codes: list[int | None]) -> Failure | None:
        now = time.time()
        silent: list[tuple[float, Program]] = []
        for program, code in zip(self.programs, codes, strict=True):
            beat = self._beat(program)
            quiet = now - (beat or self._started)
            if code is None and quiet >= (self.hang_seconds if beat else max(self.hang_seconds, START_SECONDS)):
                silent.append((quiet, program))
        if not silent:
            return None
        self._ask_for_last_words(survivors=False)
        quiet, program = max(silent, key=lambda found: found[0])
        reason = f"{program.name} gave no sign of life for {quiet:.0f} s"
        return Failure(reason, program, ExitCode.FAILED, hang=True)

    def _beat(self, program: Program) -> float | None:
        """When any of a program's ranks last gave a sign of life: they wait for each other, so one stands for all."""
        found = []
        for rank in program.ranks:
            with contextlib.suppress(FileNotFoundError):
                found.append(self.run.heartbeat_path(rank).stat().st_mtime)
        return max(found, default=None)

    def _ask_for_last_words(self, *, survivors: bool) -> None:
        """Let all ranks write their stacks, by faulthandler, and what they know of their collectives.

        Those, too, that a program has started: nobody can tell when the last of them is done, so they get all of the
        time. `survivors`: a rank has died, and only ranks are asked that are known to answer, so that nobody is waited
        for in vain.
        """
        asked = [
            (program, process)
            for program, process in zip(self.programs, self._processes, strict=True)
            if process.poll() is None and not (survivors and (program.rank is None or not self._answer(program)))
        ]
        before = {program.name: self._answer(program) for program, _ in asked}
        for program, process in asked:
            if program.rank is not None:
                _send(process, signal.SIGUSR2)
            else:
                os.killpg(process.pid, signal.SIGUSR2)

        def silent(program: Program, process: subprocess.Popen[bytes]) -> bool:
            if program.rank is None:  # the signal may have ended the program itself: its ranks are asked all the same
                return _has_members(process.pid)
            return self._answer(program) == before[program.name] and process.poll() is None

        deadline = time.monotonic() + LAST_WORDS
        while time.monotonic() < deadline and any(silent(*one) for one in asked):
            time.sleep(0.01)  # files of other processes: there is nothing to wait on

    def _answer(self, program: Program) -> tuple[int, int] | None:
        """What tells one file of a rank's collectives from the next; None if there is none."""
        try:
            found = (self.run.path / "stacks" / f"gloo-rank-{program.ranks[0]}").stat()
        except FileNotFoundError:
            return None
        return found.st_ino, found.st_mtime_ns

    def _kill(self) -> None:
        mapped = _shared_memory.mapped_by({process.pid for process in self._processes})
        for process in self._processes:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # with whatever it started
        for process in self._processes:
            process.wait()
        _shared_memory.remove(mapped)


def _spawn(program: Program, run: Run) -> subprocess.Popen[bytes]:
    with (run.path / program.log).open("ab") as log:
        return subprocess.Popen(
            program.argv,
            env=dict(program.env),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C must reach us first, and killing the group must reach its children
            preexec_fn=_die_with_parent if sys.platform == "linux" else None,
        )


_LIBC = ctypes.CDLL(None)  # loaded before any fork: the child must do as little as it can before exec


def _die_with_parent() -> None:
    _LIBC.prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG, prctl(2): even kill -9 of the parent leaves nothing behind


def _order(code: int | None) -> int:
    """Who was killed first, then who was ended by another signal, then all others."""
    return 0 if code == -signal.SIGKILL else 1 if code is not None and code < 0 else 2


def _has_members(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def _send(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    if process.poll() is None:
        process.send_signal(number)
