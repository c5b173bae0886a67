"""Looks at the node that this runs on: runs commands, each with a watchdog, and reads files."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from seatrial.checks.observations import Observation, Source
from seatrial.checks.profile import Profile

AT_ONCE = 8
"""Commands at the same time: most of them wait for a driver."""
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/opt/amazon/efa/bin:/opt/aws/neuron/bin"
"""Where tools are looked for beside $PATH: a prolog of Slurm has next to none."""


def collect(sources: Iterable[Source], profile: Profile, root: Path = Path("/")) -> list[Observation]:
    """What each source says now. What a node of this type does not have is not asked."""
    from concurrent.futures import ThreadPoolExecutor  # brings logging; what is kept is judged without

    asked = [source for source in sources if profile.has(source.part) is not False]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        seen = list(pool.map(lambda source: look(source, root), [s for s in asked if not s.alone]))
    return seen + [look(source, root) for source in asked if source.alone]


def look(source: Source, root: Path = Path("/")) -> Observation:
    """What one source says now."""
    taken, begin = time.time(), time.monotonic()
    observation = _run(source) if source.command else _read(source, root)
    return replace(observation, taken=taken, seconds=time.monotonic() - begin)


def _run(source: Source) -> Observation:
    """The command's output. Whatever it started ends with it."""
    # Of a script its first line.
    empty = Observation(kind=source.kind, origin=" ".join(word.partition("\n")[0] for word in source.command))
    search = f"{os.environ.get('PATH', '')}:{PATH}"
    python = source.command[0] == "python"  # the one that this runs on
    program = sys.executable if python else shutil.which(source.command[0], path=search)
    tool = source.tool or source.command[0]
    if program is None or (not python and shutil.which(tool, path=search) is None):
        brings = f"install {source.package}" if source.package else ""
        return replace(empty, problem=f"{tool} is not installed", remedy=brings)
    try:
        process = subprocess.Popen(
            [program, *source.command[1:]],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "PATH": search, "LC_ALL": "C"},
            start_new_session=True,
        )
    except OSError as error:
        return replace(empty, problem=f"{source.command[0]} could not be started: {error.strerror}")
    try:
        out, err = process.communicate(timeout=source.timeout)
    except subprocess.TimeoutExpired:
        _kill(process)
        problem = f"no answer within {source.timeout:g} s, so it was killed"
        return replace(empty, problem=problem, remedy="a driver that hangs needs a reboot; look at dmesg")
    text, said = out.decode(errors="replace"), (err.decode(errors="replace").strip().splitlines() or [""])[-1][:200]
    if source.errors and not text:
        text = err.decode(errors="replace")
    if not text and process.returncode:
        problem = f"said nothing: {said or f'exit status {process.returncode}'}"
        return replace(empty, problem=problem, remedy=_as_root(source), status=process.returncode)
    return replace(empty, text=text, status=process.returncode, error=said)


def _kill(process: subprocess.Popen[bytes]) -> None:
    """The command and all that it started. One that hangs in a driver cannot be waited for."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    for pipe in (process.stdout, process.stderr):
        if pipe:
            pipe.close()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(1)


def _read(source: Source, root: Path) -> Observation:
    """Lines of its files, as often as it is looked at."""
    more = f" and {len(source.files) - 2} more" if len(source.files) > 2 else ""
    empty = Observation(kind=source.kind, origin=" ".join(source.files[:2]) + more)
    text: list[str] = []
    for number in range(source.looks):
        if number:
            time.sleep(source.apart)
        if source.looks > 1:
            text.append(f"@ {time.time():.3f}\n")
        try:
            lines = list(_lines(source, root))
        except PermissionError as error:
            return replace(empty, problem=f"may not be read: {error.filename}", remedy="run it as root")
        if not lines:
            return replace(empty, problem="there are no such files", remedy=f"install {source.package}")
        text += lines
    return replace(empty, text="".join(text))


def _lines(source: Source, root: Path) -> Iterator[str]:
    """Lines of all files as ``/path:line``, the root being no part of the path. Raises PermissionError."""
    for pattern in source.files:
        for path in sorted(root.glob(pattern.lstrip("/"))):
            for line in _content(path):
                yield f"/{path.relative_to(root)}:{line}\n"


def _content(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8", errors="replace").splitlines() or [""]
    except (IsADirectoryError, FileNotFoundError):
        return []
    except PermissionError:
        raise
    except OSError as error:  # such as EINVAL: the driver has no value for it
        return [f"<{error.strerror}>"]


def _as_root(source: Source) -> str:
    return "run it as root" if source.privileged and os.geteuid() else ""
