"""Processes that the kernel killed because memory ran out, by the counter of their memory cgroup.

Who is killed says nothing, so whoever outlives it looks: the launcher on this machine, the starter of a node's ranks,
and a rank that fails beside it. Counted is every process of the cgroup that an OOM killer ended, whichever limit was
met: `oom_kill` in cgroup v2's memory.events, and since Linux 4.13 in v1's memory.oom_control. v1's memory.failcnt is no
sign: it also counts how often a limit was met and something could be reclaimed. Source: the kernel's
Documentation/admin-guide/cgroup-v2.rst and mm/oom_kill.c, which counts before it kills.
"""

from __future__ import annotations

import contextlib
import re
from pathlib import Path


class OomKills:
    """How many there were since this was made."""

    def __init__(self, root: Path = Path("/")) -> None:
        """`root`: of the file system, for tests."""
        self._file = _counter(root)
        self._before = self._count()

    def said(self) -> str:
        """In words, with the counter's place; empty if there were none, or nobody counts them."""
        now = self._count()
        if now is None or self._before is None or now <= self._before:
            return ""
        many = now - self._before
        what = "1 process" if many == 1 else f"{many} processes"
        return f"the kernel's OOM killer ended {what} of this memory cgroup ({self._file}: oom_kill {now})"

    def _count(self) -> int | None:
        return None if self._file is None else _read(self._file)


def _counter(root: Path) -> Path | None:
    """The file that counts for this process's cgroup. One without memory control belongs to the next one above."""
    with contextlib.suppress(OSError, ValueError):
        lines = (root / "proc/self/cgroup").read_text().splitlines()
        paths = {name: path for _, names, path in (line.split(":", 2) for line in lines) for name in names.split(",")}
        # Of a container with v1, the path may be the host's, and the mount the container's own cgroup.
        if "memory" in paths:
            base, path, name = root / "sys/fs/cgroup/memory", paths["memory"], "memory.oom_control"
        else:
            base, path, name = root / "sys/fs/cgroup", paths.get("", "/"), "memory.events"
        parts = [part for part in path.split("/") if part]
        for length in range(len(parts), -1, -1):
            file = base.joinpath(*parts[:length], name)
            if _read(file) is not None:
                return file
    return None


def _read(file: Path) -> int | None:
    with contextlib.suppress(OSError, ValueError):
        found = re.search(r"^oom_kill (\d+)$", file.read_text(), re.MULTILINE)
        return int(found[1]) if found else None
    return None
