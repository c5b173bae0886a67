"""A root file system that may be merely mounted: its links never lead out of it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

LINKS = 40
"""Symbolic links after which a path is a circle, as Linux counts."""


class Tree:
    """Files below a root, by the paths that they have for a process that lives in it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.problems: dict[str, str] = {}
        """Path -> why it could not be looked at."""

    def glob(self, pattern: str) -> Iterator[PurePosixPath]:
        """Paths that fit, sorted; ``*`` and its like stand for a part of a name, never for several folders."""
        places = [PurePosixPath("/")]
        for part in PurePosixPath(pattern.lstrip("/")).parts:
            wild = any(mark in part for mark in "*?[")
            places = [found for place in places for found in (self._matching(place, part) if wild else [place / part])]
        for place in places:
            if self.exists(place):
                yield place

    def exists(self, path: PurePosixPath) -> bool:
        """Whether there is such a file or folder."""
        try:
            return self.real(path).exists()
        except OSError as error:
            self.problems[str(path)] = error.strerror or str(error)
            return False

    def real(self, path: PurePosixPath) -> Path:
        """Where a path is in truth, with every link followed as if the root were ``/``. Raises OSError for a circle."""
        done, todo, links = PurePosixPath("/"), list(path.parts[1:]), 0
        while todo:
            part = todo.pop(0)
            if part == "..":
                done = done.parent
                continue
            here = self._outside(done / part)
            if here.is_symlink():
                links += 1
                if links > LINKS:
                    raise OSError(40, "too many symbolic links", str(path))
                target = PurePosixPath(os.readlink(here))
                done = PurePosixPath("/") if target.is_absolute() else done
                todo = [name for name in target.parts if name != "/"] + todo
            else:
                done /= part
        return self._outside(done)

    def text(self, path: PurePosixPath, limit: int = 1 << 22) -> str:
        """What stands in a file, at most `limit` bytes of it; nothing where it cannot be read, which is a problem."""
        try:
            with self.real(path).open("rb") as file:
                return file.read(limit).decode(errors="replace")
        except OSError as error:
            self.problems[str(path)] = error.strerror or str(error)
            return ""

    def _outside(self, path: PurePosixPath) -> Path:
        return self.root / str(path).lstrip("/")

    def _matching(self, folder: PurePosixPath, part: str) -> list[PurePosixPath]:
        try:
            names = sorted(os.listdir(self.real(folder)))
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            self.problems[str(folder)] = error.strerror or str(error)
            return []
        return [folder / name for name in names if fnmatchcase(name, part)]
