"""Steps: each says when it begins and ends, and why it failed; a second run repairs."""

from __future__ import annotations

import errno
import subprocess
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

OUTPUT_LINES = 15
"""Last lines of what a failed command said that a message repeats."""


class Failure(Exception):
    """A step cannot go on."""

    def __init__(self, cause: str, remedy: str) -> None:
        super().__init__(cause)
        self.remedy = remedy


def log(text: str) -> None:
    """A line with the time, in UTC."""
    print(time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), text, flush=True)


def perform(steps: Iterable[tuple[str, Callable[[], object]]]) -> bool:
    """Run named steps in their order. False if one failed, after which none is run."""
    for name, step in steps:
        began = time.monotonic()
        log(f"{name}: begins")
        try:
            step()
        except (Failure, OSError) as error:
            cause, remedy = _told(error)
            log(f"{name}: FAILED: {cause}")
            again = Path.cwd() / "on_create.sh"
            log(f"{name}: remedy: {remedy}; then run {again} again, or have any node but a controller replaced")
            return False
        log(f"{name}: done in {time.monotonic() - began:.1f} s")
    return True


def run(*argv: str, remedy: str, text: str | None = None) -> str:
    """What a command prints. Raises Failure with the last that it said. `text` is its standard input."""
    try:
        done = subprocess.run(argv, input=text, capture_output=True, text=True, errors="replace")
    except FileNotFoundError:
        raise Failure(f"there is no command {argv[0]}", remedy) from None
    if done.returncode:
        said = "\n    ".join((done.stdout + done.stderr).strip().splitlines()[-OUTPUT_LINES:])
        full = f" ({_full('the file system that it names')})" if "No space left on device" in said else ""
        raise Failure(f"{' '.join(argv)} ended with {done.returncode}:{full}\n    {said}", remedy)
    return done.stdout


def succeeds(*argv: str) -> bool:
    """Whether a command ends with 0."""
    try:
        return subprocess.run(argv, capture_output=True).returncode == 0
    except FileNotFoundError:
        return False


def retry(what: str, pauses: Sequence[float], action: Callable[[], str]) -> str:
    """The action's value; it is tried again after each pause in seconds. Raises its last Failure."""
    for number, pause in enumerate(pauses, start=1):
        try:
            return action()
        except Failure as failure:
            said = str(failure).splitlines()[-1].strip()
            log(f"    {what}: try {number} failed, the next in {pause:g} s: {said}")
        time.sleep(pause)
    return action()


def _told(error: Failure | OSError) -> tuple[str, str]:
    if isinstance(error, Failure):
        return str(error), error.remedy
    where = f"{error.filename}: " if error.filename else ""
    if error.errno == errno.ENOSPC:
        return f"{where}{_full('its file system')}", "make room there, or give the nodes larger volumes"
    return f"{where}{error.strerror or error}", "see the cause"


def _full(what: str) -> str:
    return f"the disk is full: {what} has no space left"
