"""Keeps the programs of a folder running: ``python -m seatrial.observe.stack.supervisor DIR``.

It starts what DIR/commands.json says, in DIR, starts again what ended, and says in DIR/supervisor.json what there is.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from seatrial.interrupts import Interrupts
from seatrial.plan import Command
from seatrial.runs import process_started, replace_text

COMMANDS, STATE = "commands.json", "supervisor.json"
PAUSE = 1.0
"""Seconds before a program that ended is started again; each time in a row twice as long, `LONGEST` at most."""
LONGEST = 60.0
STEADY = 30.0
"""Seconds after which a program counts as one that runs, so that the next pause is the shortest again."""
PATIENCE = 15.0
"""Seconds that a program has to end in peace: Prometheus writes what it has in memory."""


@dataclass(slots=True)
class Process:
    """A program, and its process of now."""

    name: str
    pid: int = 0
    started: str = ""
    """See `seatrial.runs.process_started`; empty: it does not run."""
    restarts: int = 0
    ended: str = ""
    """How it ended the last time."""

    @property
    def alive(self) -> bool:
        """Whether that very process is there."""
        return bool(self.started) and process_started(self.pid) == self.started


@dataclass(frozen=True, slots=True)
class State:
    """What DIR/supervisor.json says."""

    pid: int
    started: str
    programs: tuple[Process, ...]

    @property
    def alive(self) -> bool:
        """Whether the supervisor is there."""
        return process_started(self.pid) == self.started


def read(folder: Path) -> State | None:
    """What a supervisor of that folder said last; None if there never was one, or it ended in order."""
    try:
        value: dict[str, Any] = json.loads((folder / STATE).read_text(encoding="utf-8"))
        return State(value["pid"], value["started"], tuple(Process(**one) for one in value["programs"]))
    except (OSError, ValueError, LookupError, TypeError):
        return None


def begin(folder: Path, commands: tuple[Command, ...]) -> int:
    """A supervisor in the background, nobody's child, which no terminal's end reaches. Returns its process id."""
    for name in ("data", "logs"):
        (folder / name).mkdir(exist_ok=True)
    replace_text(folder / COMMANDS, json.dumps([asdict(command) for command in commands], indent=2) + "\n")
    argv = [sys.executable, "-m", "seatrial.observe.stack.supervisor", str(folder)]
    script = 'log=$1; shift; "$@" </dev/null >>"$log" 2>&1 & echo $!'
    shell = ["sh", "-c", script, "sh", str(folder / "logs" / "supervisor.log"), *argv]
    return int(subprocess.run(shell, stdout=subprocess.PIPE, check=True, start_new_session=True).stdout)


def end(folder: Path, seconds: float = 2 * PATIENCE) -> None:
    """Stop the supervisor and its programs; also programs whose supervisor was killed. Raises TimeoutError."""
    state = read(folder)
    if state is None:
        return
    mine = [Process("supervisor", state.pid, state.started), *state.programs]
    if state.alive:
        os.kill(state.pid, signal.SIGTERM)
    else:
        for process in state.programs:
            _signal(process, signal.SIGTERM)
    deadline = time.monotonic() + seconds
    while any(process.alive for process in mine):
        if time.monotonic() > deadline:
            raise TimeoutError(", ".join(f"{p.name} (process {p.pid})" for p in mine if p.alive))
        time.sleep(0.05)
    (folder / STATE).unlink(missing_ok=True)


def _signal(process: Process, number: int) -> None:
    if process.alive:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, number)


class Supervisor:
    """Of the programs of one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        commands = json.loads((folder / COMMANDS).read_text(encoding="utf-8"))
        self._commands = {c["title"]: Command(argv=tuple(c["argv"]), env=c["env"], title=c["title"]) for c in commands}
        self._programs = {name: Process(name) for name in self._commands}
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._since = dict.fromkeys(self._commands, 0.0)
        self._pause = dict.fromkeys(self._commands, 0.0)

    def run(self) -> None:
        """Until SIGTERM, SIGINT or SIGHUP."""
        with Interrupts() as interrupts:
            while not interrupts.requests:
                self._look()
                interrupts.wait(PAUSE)
            self._stop()
        (self._folder / STATE).unlink(missing_ok=True)

    def _look(self) -> None:
        """Notes what ended, and starts what is due."""
        now = time.monotonic()
        changed = False
        for name, process in self._programs.items():
            child = self._children.get(name)
            if child is not None and child.poll() is not None:
                del self._children[name]
                process.started, process.ended = "", _how(child.returncode)
                steady = now - self._since[name] > STEADY
                self._pause[name] = PAUSE if steady else min(LONGEST, max(PAUSE, 2 * self._pause[name]))
                self._since[name], changed = now, True
                print(f"{name}: {process.ended}; it is started again in {self._pause[name]:g} s", flush=True)
            if name not in self._children and now - self._since[name] >= self._pause[name]:
                process.restarts += bool(process.ended)
                self._start(name)
                changed = True
        if changed:
            self._tell()

    def _start(self, name: str) -> None:
        command = self._commands[name]
        with (self._folder / "logs" / f"{name}.log").open("ab") as log:
            try:
                child = subprocess.Popen(
                    command.argv,
                    env={**os.environ, **command.env},
                    cwd=self._folder,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                )
            except OSError as error:  # it was removed since
                self._programs[name].ended = str(error)
                self._pause[name] = min(LONGEST, max(PAUSE, 2 * self._pause[name]))
                self._since[name] = time.monotonic()
                return
        self._children[name], self._since[name] = child, time.monotonic()
        self._programs[name].pid, self._programs[name].started = child.pid, process_started(child.pid) or ""

    def _tell(self) -> None:
        me = os.getpid()
        programs = [asdict(process) for process in self._programs.values()]
        value = {"pid": me, "started": process_started(me), "programs": programs}
        replace_text(self._folder / STATE, json.dumps(value, indent=2) + "\n")

    def _stop(self) -> None:
        for child in self._children.values():
            child.terminate()
        deadline = time.monotonic() + PATIENCE
        for child in self._children.values():
            try:
                child.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()


def _how(code: int) -> str:
    return f"killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"


if __name__ == "__main__":
    Supervisor(Path(sys.argv[1])).run()
