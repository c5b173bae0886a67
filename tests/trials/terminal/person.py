"""A person at a terminal: what they type, see and do, and what is left behind when they are gone."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pexpect

from seatrial.history import History
from seatrial.runs import Run
from tests.command import is_gone, rank_pid
from tests.packaged import install, walk
from tests.waiting import poll

WALK = Path(__file__).parents[2] / "walk.py"
SECONDS = 60.0
"""In which whatever is waited for must come, also on a busy machine."""
_ESCAPES = re.compile(r"\x1b(\[[0-9;?]*[A-Za-z]|\][^\x07]*\x07|[=>])")


class Person:
    """In a folder of their own, with a home of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.runs = folder / "runs"
        shutil.copy(WALK, folder / "walk.py")
        kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        self.env = {
            **kept,
            "HOME": str(folder / "home"),
            "TERM": "xterm-256color",
            "PATH": f"{Path(sys.executable).parent}:{kept['PATH']}",
        }
        self.shared_memory = set(Path("/dev/shm").glob("*"))
        self.terminal: pexpect.spawn[str] | None = None
        self.shown = ""

    # What they do

    def start(self, command: str, *, rows: int = 24, columns: int = 100) -> None:
        """Type a command into a terminal of that size. ``|``, ``>`` and ``;`` are the shell's."""
        argv = ["-c", f"exec {command}"] if not set("|>;&") & set(command) else ["-c", command]
        size = (rows, columns)
        self.terminal = pexpect.spawn(
            "/bin/bash", argv, cwd=self.folder, env=self.env, dimensions=size, encoding="utf-8", timeout=SECONDS
        )

    def do(self, action: str, what: str) -> None:
        """One action of a scenario, by its name."""
        getattr(self, f"_{action}")(what)

    def end(self) -> int:
        """See the command to its end. Returns its exit code, 128 more than a signal that ended it."""
        terminal = self._at()
        terminal.expect(pexpect.EOF)
        self.shown += terminal.before or ""
        terminal.close()
        return terminal.exitstatus if terminal.exitstatus is not None else 128 + (terminal.signalstatus or 0)

    def said(self) -> str:
        """All that was shown, without what moves the cursor or colours the text."""
        return _ESCAPES.sub("", self.shown).replace("\r", "\n")

    def away(self) -> None:
        """Leave, and end what is still there."""
        if self.terminal is not None:
            self.terminal.close(force=True)

    def run(self) -> Run:
        """The newest run."""
        return History(self.runs).find("latest")

    def left_behind(self) -> list[str]:
        """What nobody would want to find later: processes, shared memory, temporary files."""
        runs = [Run(path.parent) for path in self.runs.glob("*/job.json")]
        for run in runs:
            poll(lambda run=run: is_gone(run), 20, f"no process of {run.id} is left")
        found = [str(path) for path in set(Path("/dev/shm").glob("*")) - self.shared_memory if "seatrial" in path.name]
        return found + [str(path) for path in self.runs.glob("*/.*")]

    # Actions

    def _see(self, words: str) -> None:
        terminal = self._at()
        terminal.expect(words)
        self.shown += (terminal.before or "") + str(terminal.after)

    def _type(self, text: str) -> None:
        self._at().send(text)

    def _press(self, key: str) -> None:
        self._at().sendcontrol(key)

    def _resize(self, size: str) -> None:
        rows, columns = map(int, size.split("x"))
        self._at().setwinsize(rows, columns)

    def _hang_up(self, _: str) -> None:
        """The window is closed: the kernel sends SIGHUP, and nothing can be written any more."""
        terminal = self._at()
        os.close(terminal.child_fd)
        poll(lambda: self.run().supervisor() is None, SECONDS, "the command has ended")
        terminal.closed, terminal.child_fd = True, -1
        self.terminal = None

    def _signal(self, name: str) -> None:
        owner = self.run().supervisor()
        assert owner is not None, "nobody runs it"
        os.kill(owner, signal.Signals[name])

    def _kill_rank(self, number: str) -> None:
        os.kill(rank_pid(self.run(), int(number)), signal.SIGKILL)

    def _elsewhere(self, command: str) -> None:
        """In another terminal."""
        done = subprocess.run(
            shlex.split(command), cwd=self.folder, env=self.env, capture_output=True, text=True, timeout=SECONDS
        )
        self.shown += done.stdout + done.stderr

    def _until(self, path: str) -> None:
        """The newest run has that file or folder."""
        poll((self.run().path / path).exists, SECONDS, f"{path} is there")

    def _delete(self, path: str) -> None:
        """Again and again, for somebody may be writing in it."""

        def gone() -> bool:
            shutil.rmtree(self.folder / path, ignore_errors=True)
            return not (self.folder / path).exists()

        poll(gone, SECONDS, f"{path} is gone")

    def _write(self, text: str) -> None:
        name, _, content = text.partition(": ")
        (self.folder / name).write_text(content.replace("\\n", "\n"))

    def _install(self, text: str) -> None:
        """A package with cases that have a recipe `drill`: ``name=STEPS``, each after a blank."""
        steps = dict(pair.split("=") for pair in text.split())
        self.env |= install(self.folder, {name: walk(name, steps=int(count)) for name, count in steps.items()})

    def _at(self) -> pexpect.spawn[str]:
        assert self.terminal is not None, "no command was started"
        return self.terminal
