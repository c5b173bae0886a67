"""Running a program that makes an image: what it prints goes into a log, and a request to stop is handed on, once."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

from seatrial import interrupts
from seatrial.errors import Problem, UserError
from seatrial.plan import Command

Tell = Callable[[str, str], None]
"""Takes the step that a program is at, and the line that was printed last."""
Failed = Callable[[Sequence[str], int], Problem]
"""What the lines of a program, and its exit status, say about what did not happen."""


def follow(
    command: Command, log: Path, tell: Tell, step: re.Pattern[str], failed: Failed, folder: Path | None = None
) -> None:
    """Run a command, in `folder` if need be; what it prints goes to the end of the log, which nobody else can read.

    `step` finds in a line the step that begins with it: its first group, or all of it. On a request to stop the
    program is sent SIGINT once, and waited for: it removes what it has begun, such as an instance. Raises UserError
    with what `failed` makes of it if it fails.
    """
    log.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    lines: list[str] = []
    file = os.open(log, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
    with os.fdopen(file, "a", encoding="utf-8") as kept, interrupts.raised(), _started(command, folder) as process:
        try:
            _listen(process, kept, lines, tell, step)
        except KeyboardInterrupt:
            tell("stopping: what was begun is removed", "")
            with interrupts.held_back():
                process.send_signal(signal.SIGINT)
                _listen(process, kept, lines, tell, step)
                process.wait()
            raise
    if process.returncode:
        raise UserError(failed(lines, process.returncode))


def _started(command: Command, folder: Path | None) -> subprocess.Popen[str]:
    """In a session of its own: a terminal's Ctrl-C reaches us alone."""
    try:
        return subprocess.Popen(
            command.argv,
            cwd=folder,
            env={**os.environ, **command.env},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
    except OSError as error:
        raise UserError(Problem(f"{command.argv[0]} cannot be started: {error.strerror}")) from None


def _listen(process: subprocess.Popen[str], kept: IO[str], lines: list[str], tell: Tell, step: re.Pattern[str]) -> None:
    at = ""
    assert process.stdout is not None
    for line in process.stdout:
        kept.write(line)
        kept.flush()
        lines.append(line.rstrip())
        if found := step.match(lines[-1]):
            at = found[step.groups and 1]
        tell(at, lines[-1])
