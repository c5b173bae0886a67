"""Prepared data sets: made once, by whoever comes first, complete or not there at all.

Standard library only.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

MANIFEST = "manifest.json"
"""File of a prepared data set: each file's path -> its size and SHA-256."""


def prepared(folder: Path, make: Callable[[Path], None]) -> Path:
    """`folder`, after `make` has filled it if nobody had; safe to call from every rank at once.

    `make` gets a folder that takes its final name only when `make` has returned and every file is in the manifest, so
    that what exists is complete. Others wait meanwhile, on a lock beside it: the file system must support flock(2).
    """
    if (folder / MANIFEST).is_file():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (folder.parent / f".{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / MANIFEST).is_file():
            unfinished = folder.with_name(f".{folder.name}.{os.getpid()}")
            for leftover in folder.parent.glob(f".{folder.name}.[0-9]*"):
                shutil.rmtree(leftover)
            unfinished.mkdir()
            make(unfinished)
            (unfinished / MANIFEST).write_text(json.dumps(_describe(unfinished), indent=2) + "\n")
            unfinished.replace(folder)
    return folder


def verify(folder: Path) -> list[str]:
    """What is wrong with a prepared data set, a sentence for each file; an empty list if it is whole."""
    manifest = json.loads((folder / MANIFEST).read_text())
    found = _describe(folder)
    missing = [f"{name} is missing" for name in manifest if name not in found]
    return missing + [f"{name} has changed" for name in manifest if name in found and found[name] != manifest[name]]


def _describe(folder: Path) -> dict[str, dict[str, object]]:
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != MANIFEST)
    return {str(path.relative_to(folder)): {"bytes": path.stat().st_size, "sha256": _checksum(path)} for path in files}


def _checksum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
