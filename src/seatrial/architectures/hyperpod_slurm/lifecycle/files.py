"""Files that are written only where they would change, and whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from .steps import log


def write(path: Path, text: str, mode: int = 0o644, owner: tuple[int, int] = (0, 0)) -> bool:
    """Make the file be so. Returns whether it was otherwise. Its folder is made if need be."""
    data = text.encode()
    if path.is_file() and path.read_bytes() == data and _state(path) == (mode, *owner):
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            os.fchown(file.fileno(), *owner)
            os.fchmod(file.fileno(), mode)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException as error:
        os.unlink(name)
        if isinstance(error, OSError):
            error.filename = str(path)
        raise
    log(f"    wrote {path}")
    return True


def folder(path: Path, mode: int = 0o755, owner: tuple[int, int] = (0, 0)) -> None:
    """Make the folder be there, with that mode and owner."""
    path.mkdir(parents=True, exist_ok=True)
    if _state(path) != (mode, *owner):
        os.chown(path, *owner)
        path.chmod(mode)
        log(f"    made {path}")


def with_lines(text: str, lines: list[str]) -> str:
    """The text with those of the lines at its end that it lacks."""
    there = text.splitlines()
    missing = [line for line in lines if line not in there]
    return "".join(f"{line}\n" for line in [*there, *missing]) if missing else text


def _state(path: Path) -> tuple[int, int, int]:
    found = path.stat()
    return found.st_mode & 0o7777, found.st_uid, found.st_gid
