"""POSIX shared memory of processes that are killed: nobody else would remove it before the machine starts anew."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection, Iterator
from pathlib import Path

FOLDER = "/dev/shm/"


def mapped_by(sessions: Collection[int]) -> set[Path]:
    """Files of shared memory that living processes of these sessions have mapped."""
    found: set[Path] = set()
    for process in _processes():
        with contextlib.suppress(OSError):  # it has just ended
            if os.getsid(process) in sessions:
                found |= _mapped(process)
    return found


def remove(paths: set[Path]) -> None:
    """Unlink those that no living process has mapped."""
    if paths:
        in_use = {path for process in _processes() for path in _mapped(process)}
        for path in paths - in_use:
            with contextlib.suppress(OSError):  # removed by somebody else, or not ours to remove
                path.unlink()


def _processes() -> Iterator[int]:
    """All that can be seen; none where there is no /proc."""
    return (int(folder.name) for folder in Path("/proc").glob("[0-9]*"))


def _mapped(process: int) -> set[Path]:
    try:
        lines = Path(f"/proc/{process}/maps").read_text(errors="surrogateescape").splitlines()
    except OSError:  # it has just ended, or is another user's
        return set()
    names = (line.split(maxsplit=5)[-1] for line in lines)
    return {Path(name) for name in names if name.startswith(FOLDER) and not name.endswith(" (deleted)")}
