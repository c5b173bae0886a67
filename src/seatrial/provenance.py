"""By which command a run was started, and of which state of the user's code: provenance.jsonl, a line for each start.

Secrets are masked before anything is written.
"""

from __future__ import annotations

import json
import os
import shlex
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

from seatrial import __version__
from seatrial.masking import MASK, mask, names_secret
from seatrial.rank.machine import variables
from seatrial.runs import Run

FILE = "provenance.jsonl"
GIT_SECONDS = 5.0
"""A checkout on a file system that does not answer must not keep a run from starting."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Start:
    """One start or resumption, as the command saw it."""

    time: float
    """Unix seconds."""
    command: str
    """The command line, as a shell would take it."""
    folder: str
    """Where it was given."""
    host: str
    seatrial: str
    """Version of the command."""
    code: str = ""
    """Commit of the user's own case, where its file is in a git checkout; says so if the file is changed since."""
    variables: dict[str, str] = field(default_factory=dict)
    """Those of the command that decide how ranks on this machine run; see seatrial.rank.machine."""


def record(run: Run) -> None:
    """Note how this process was told to start a run."""
    case = next((Path(word.partition(".py")[0] + ".py") for word in sys.argv[1:] if ".py" in word), None)
    code = commit(case) if case is not None and case.is_file() else ""
    start = collect(sys.argv, os.environ, folder=os.getcwd(), host=socket.gethostname(), moment=time.time(), code=code)
    with (run.path / FILE).open("a", encoding="utf-8", errors="replace") as file:
        file.write(json.dumps(asdict(start)) + "\n")


def collect(
    argv: Sequence[str], environ: Mapping[str, str], *, folder: str, host: str, moment: float, code: str = ""
) -> Start:
    """What is worth keeping of a process: no secret is."""
    name = "seatrial" if Path(argv[0]).name in ("seatrial", "__main__.py") else argv[0]
    return Start(
        time=moment,
        command=shlex.join([name, *map(_argument, argv[1:])]),
        folder=folder,
        host=host,
        seatrial=__version__,
        code=code,
        variables=variables(environ),
    )


def _argument(text: str) -> str:
    name, assigned, _ = text.partition("=")
    return f"{name}={MASK}" if assigned and names_secret(name) else mask(text)


def commit(file: Path) -> str:
    """The commit that a file's checkout is at, and whether the file is another by now; empty outside of any."""
    head = _git(file, "rev-parse", "HEAD")
    if not head:
        return ""
    changed = _git(file, "status", "--porcelain", "--", file.name)
    return f"{head}, {file.name} changed since" if changed else head


def read(run: Run) -> list[Start]:
    """All starts, oldest first; none for a run of before, or that nobody here started. Torn lines are left out."""
    try:
        lines = (run.path / FILE).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    return [start for line in lines if (start := _start(line)) is not None]


def _start(line: str) -> Start | None:
    try:
        told = json.loads(line)
        return Start(**{f.name: told[f.name] for f in fields(Start) if f.name in told})
    except (ValueError, TypeError):
        return None


def _git(file: Path, *args: str) -> str:
    command = ["git", "-C", str(file.absolute().parent), *args]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, check=False, timeout=GIT_SECONDS)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return answer.stdout.strip() if answer.returncode == 0 else ""
