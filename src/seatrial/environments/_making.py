"""Makes an environment's folder: complete and under its name, or not at all; by one process at a time."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from seatrial.environments import _lock, _shared, _uv
from seatrial.errors import Problem, UserError

STAMP = "seatrial.json"
"""File of a complete environment: what it was made from. What has none was not made here."""

Progress = Callable[[str], None]
"""Gets a line for each thing that happens."""


def is_made(folder: Path) -> bool:
    """Whether it is complete."""
    return (folder / STAMP).is_file()


def python(folder: Path) -> Path:
    """The interpreter of an environment."""
    return folder / "bin/python"


@contextmanager
def locked(folder: Path, progress: Progress) -> Iterator[int]:
    """One process at a time per environment; the lock's file descriptor."""
    with (folder.parent / f".{folder.name}.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress("another command is making it: waiting")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield file.fileno()


def make(
    folder: Path, interpreter: str, source: Path, shared: dict[str, Path], progress: Progress, descriptor: int
) -> None:
    """Make `folder` for `interpreter` by the lock `source`, with links to `shared`. Raises UserError or uv's Failed.

    The caller holds the lock of which `descriptor` is the file's.
    """
    if folder.exists():
        what = f"is in the way: it was not made by Seatrial, it has no {STAMP}"
        raise UserError(Problem(what, str(folder), "look at it, and remove it yourself"))
    for leftover in folder.parent.glob(f".{folder.name}.[0-9]*"):
        shutil.rmtree(leftover)
    unfinished = folder.with_name(f".{folder.name}.{os.getpid()}")
    try:
        _fill(unfinished, interpreter, source, progress, descriptor)
        (site_packages,) = unfinished.glob("lib/python*/site-packages")
        size = _size(unfinished)
        _shared.link(shared, site_packages)
        stamp = {"lock": str(source), "bytes": size, "shared": {k: str(v) for k, v in sorted(shared.items())}}
        (unfinished / STAMP).write_text(json.dumps(stamp, indent=2) + "\n", encoding="utf-8")
        unfinished.rename(folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _fill(folder: Path, interpreter: str, source: Path, progress: Progress, descriptor: int) -> None:
    """A venv with what the lock names. uv keeps the lock's descriptor: if we are killed, nobody gets in before it ends.

    uv takes wheels; what has none for this platform it builds from its source.
    """
    venv = ["--quiet", "--no-project", "--relocatable", "--python", interpreter]
    install = ["--no-deps", "--require-hashes", *_uv.pip_options()]
    # Ranks that may not write bytecode would compile anew at every start: 5 s of 12 with all frameworks.
    install += ["--compile-bytecode"] if sys.dont_write_bytecode else []
    _uv.run(["venv", *venv, str(folder)], folder=folder.parent, keep_open=[descriptor])
    command = ["pip", "install", *install, "--python", str(python(folder)), "-r", str(source)]
    _uv.run(command, folder=folder.parent, progress=progress, keep_open=[descriptor])


def _size(folder: Path) -> int:
    files = (path for path in folder.rglob("*") if not path.is_symlink())
    return sum(path.stat().st_size for path in files if path.is_file())


def discard(folder: Path) -> None:
    """Remove an environment. What is left of it if that is interrupted no longer has its name."""
    if folder.exists():
        leftover = folder.rename(folder.with_name(f".{folder.name}.{os.getpid()}"))
        shutil.rmtree(leftover)


def problem(name: str, source: Path, failed: _uv.Failed) -> Problem:
    """What uv could not do, as something that can be acted on."""
    where, again = f"environment {name}", f"seatrial env create {name}"
    versions_of = _lock.packages(source.read_text(encoding="utf-8"))
    if failed.package not in versions_of:
        return Problem(f"uv failed: {failed.said}", where, f"repair that, then: {again}")
    package = f"{failed.package} {versions_of[failed.package][0]}"
    if failed.wrong_hash:
        what = f"{package} is not the file that was locked: its hash is another one"
        return Problem(what, where, f"do not use it; find out who offers it. The lock: {source}")
    carry = f"pip download --no-deps --require-hashes -r {source} -d FOLDER"
    here = f"PIP_NO_INDEX=1 PIP_FIND_LINKS=FOLDER {again}"
    return Problem(
        f"{package} could not be had: {failed.reason}",
        where,
        f"with a network: {again}\n    without one, elsewhere: {carry}\n    and then here: {here}",
    )
