"""Prepared data sets: made once, by whoever comes first, complete or not there at all.

Standard library only.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from seatrial.errors import Problem, UserError

MANIFEST = "manifest.json"
"""File of a prepared data set: each file's path -> its size and SHA-256."""
POLL_SECONDS = 0.2
"""Between two looks at the lock."""
BLOCK = 1 << 24
"""Bytes that are checksummed at a time."""


def prepared(folder: Path, make: Callable[[Path], None], *, waiting: Callable[[], None] = lambda: None) -> Path:
    """`folder`, after `make` has filled it if nobody had; safe to call from every rank at once.

    `make` gets a folder that takes its final name only when `make` has returned and every file is in the manifest, so
    that what exists is complete. Others wait meanwhile, on a lock beside it. `waiting` is called several times a second
    then, and while checksums are taken: for signs of life.
    Raises UserError where that lock cannot be had, or the name is taken by something else.
    """
    if (folder / MANIFEST).is_file():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_name(f".{folder.name}.lock").open("w") as file:
        _lock(file, folder, waiting)
        if not (folder / MANIFEST).is_file():
            _make(folder, make, waiting)
    return folder


def _lock(file: IO[str], folder: Path, waiting: Callable[[], None]) -> None:
    """Wait for the lock: flock(2), which a maker that is killed gives back."""
    while True:
        try:
            return fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waiting()
            time.sleep(POLL_SECONDS)
        except OSError as error:
            remedy = "mount it with locks (Lustre: -o flock), or set SEATRIAL_DATA to a folder elsewhere"
            problem = Problem(f"its file system cannot lock files: {error.strerror}", str(folder.parent), remedy)
            raise UserError(problem) from error


def _make(folder: Path, make: Callable[[Path], None], waiting: Callable[[], None]) -> None:
    if folder.exists():
        remedy = "move it away, or set SEATRIAL_DATA to another folder"
        raise UserError(Problem(f"is there, but has no {MANIFEST}: it was made by something else", str(folder), remedy))
    unfinished = folder.with_name(f".{folder.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)  # of a maker that was killed
    unfinished.mkdir()
    try:
        make(unfinished)
        (unfinished / MANIFEST).write_text(json.dumps(_describe(unfinished, waiting), indent=2) + "\n")
        unfinished.replace(folder)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)  # it may fill the disk
        raise


def manifest(folder: Path) -> dict[str, dict[str, Any]]:
    """Path -> ``bytes`` and ``sha256`` of each file of a prepared data set. Raises ValueError if it cannot be read."""
    try:
        files = json.loads((folder / MANIFEST).read_text())
    except OSError as error:
        raise ValueError(f"{MANIFEST} cannot be read: {error.strerror}") from error
    if not isinstance(files, dict):
        raise ValueError(f"{MANIFEST} holds no files")
    return files


def verify(folder: Path, *, waiting: Callable[[], None] = lambda: None) -> list[str]:
    """What is wrong with a prepared data set, a sentence for each file; an empty list if it is whole.

    Reads every file, and calls `waiting` all the while.
    """
    try:
        expected = manifest(folder)
    except ValueError as error:
        return [f"{MANIFEST} is broken: {error}"]
    found = _describe(folder, waiting)
    return [
        *(f"{name} is missing" for name in expected if name not in found),
        *(f"{name} has changed" for name in expected if name in found and found[name] != expected[name]),
        *(f"{name} was added" for name in found if name not in expected),
    ]


def _describe(folder: Path, waiting: Callable[[], None]) -> dict[str, dict[str, Any]]:
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path != folder / MANIFEST)
    return {
        str(path.relative_to(folder)): {"bytes": path.stat().st_size, "sha256": _checksum(path, waiting)}
        for path in files
    }


def _checksum(path: Path, waiting: Callable[[], None]) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
            waiting()
    return digest.hexdigest()
