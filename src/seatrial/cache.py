"""What takes long to find out, kept as JSON until something changes that it was made of.

Seatrial's own files are part of that: an index of the catalogue, or the clusters of a file that was found right, are
made anew after an update, and while somebody edits a case.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import seatrial

PACKAGE = Path(seatrial.__file__).parent

KEPT_FOR = 30 * 24 * 3600
"""Seconds. Each folder with clusters or runs has a file of its own, and folders go."""


def cached(name: str, key: Any, make: Callable[[], Any], keep: Callable[[Any], bool] = lambda _: True) -> Any:
    """What `make` returns, which JSON must be able to hold, or what it returned when `key` was the same.

    `name` becomes part of a file's name. What `keep` refuses, and where nothing can be written, is made each time.
    """
    return cached_each(name, {"": key}, lambda _: make(), keep)[""]


def cached_each(
    name: str, keys: Mapping[str, Any], make: Callable[[str], Any], keep: Callable[[Any], bool] = lambda _: True
) -> dict[str, Any]:
    """As `cached`, of many things in one file: what `make` returns for each item of `keys`, made anew where its key
    has changed. What is not among them is forgotten."""
    path = folder() / f"{name}-{zlib.crc32(str(PACKAGE).encode()):08x}.json"
    ours, wanted = _ours(PACKAGE), json.loads(json.dumps(keys))
    stored = _stored(path, ours)
    found = {
        item: stored[item] if stored.get(item, ())[:1] == [key] else [key, make(item)] for item, key in wanted.items()
    }
    kept = {item: pair for item, pair in found.items() if keep(pair[1])}
    if kept != stored:
        with contextlib.suppress(OSError):
            _write(path, json.dumps({"package": ours, "items": kept}))
    return {item: value for item, (_, value) in found.items()}


def _stored(path: Path, ours: list[int]) -> dict[str, list[Any]]:
    """Item -> its key and value, of a file that our own files have not changed since; else empty."""
    with contextlib.suppress(OSError, ValueError, TypeError, LookupError):
        record = json.loads(path.read_text(encoding="utf-8"))
        if record["package"] == ours:
            return {item: [key, value] for item, (key, value) in record["items"].items()}
    return {}


@functools.cache
def _ours(package: Path) -> list[int]:
    """Of our own files, once in a process: it has imported them, and to look at all of them takes a while."""
    return files(package)


def folder() -> Path:
    """Where it is kept: nothing is lost with it."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "seatrial")


def files(root: Path) -> list[int]:
    """What changes with a Python file, or with those below a folder: a checksum of names, sizes and times."""
    found = sorted(_stats(str(root))) if root.is_dir() else [(root.stat().st_size, root.stat().st_mtime_ns)]
    return [len(found), zlib.crc32(repr(found).encode())]


def _stats(root: str) -> Iterator[tuple[str, int, int]]:
    with os.scandir(root) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                if entry.name != "__pycache__":
                    yield from _stats(entry.path)
            elif entry.name.endswith(".py"):
                stat = entry.stat()
                yield entry.path, stat.st_size, stat.st_mtime_ns


def _write(path: Path, text: str) -> None:
    """So that another process reads the old file or the new one, and other users neither."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.touch(mode=0o600)
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)
    for other in path.parent.glob("*.json"):
        with contextlib.suppress(OSError):  # another process may have been first
            if time.time() - other.stat().st_mtime > KEPT_FOR:
                other.unlink()
