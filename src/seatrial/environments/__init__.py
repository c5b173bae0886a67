"""The software of cases whose frameworks are not beside Seatrial: made from a lock on first use, cached by content.

An environment is a venv of the Python that runs the command, unless what it holds needs another one. It holds what its
lock names, each file by its hash; torch, where it is needed, and Seatrial are links into the command's own interpreter.
It is made under another name and takes its own when
it is complete; what it depends on is in its name, so that a change means another one, never a changed one.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

from seatrial import extras, versions
from seatrial.environments import _lock, _making, _pythons, _shared, _uv
from seatrial.environments._making import STAMP, Progress, python
from seatrial.errors import Problem, UserError
from seatrial.job import Job

__all__ = [
    "STAMP",
    "Environment",
    "ensure",
    "interpreter",
    "left_out",
    "lock",
    "missing",
    "names",
    "python",
    "remove",
    "runs_here",
    "standing",
    "unasked",
]

KEY = 16 * "[0-9a-f]"
"""What follows an environment's name in that of its folder."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Environment:
    """Where an environment stands."""

    name: str
    made: bool
    path: Path | None
    """Where it is, or would be. None: without the torch that it shares, or its Python, this cannot be said."""
    packages: int
    """Packages of its lock, on all platforms."""
    size: int | None
    """Bytes of its files, without what is shared. None: it is not made."""
    others: tuple[Path, ...]
    """Those of the same name that belong to another lock, Python, torch or place of Seatrial."""


def names() -> list[str]:
    """All environments."""
    return sorted(versions.ENVIRONMENTS)


def unasked() -> list[str]:
    """Those that are made also where nobody names them."""
    return [name for name in names() if name not in versions.ON_REQUEST]


def lock(name: str) -> Path:
    """File that names an environment's packages with their hashes, for pip and uv."""
    return _lock.path(name)


def missing(job: Job) -> list[Problem]:
    """Modules of `job` that this interpreter cannot import, with the command that installs them.

    None for a job that has an environment: `interpreter` sees to that.
    """
    return extras.missing(job.requires, job.case) if job.environment is None else []


def runs_here(job: Job) -> bool:
    """Whether a job's ranks on this machine run with this interpreter, so that they find what it finds."""
    return job.environment is None or all(map(extras.importable, job.requires))


def left_out(job: Job) -> str | None:
    """Why a job does not run on this machine unless it is asked for by its name; None: it does.

    Its environment is made on request only, and is not made.
    """
    name = job.environment
    if name is None or name not in versions.ON_REQUEST or runs_here(job) or standing(name).made:
        return None
    return f"needs the environment {name} ({versions.ON_REQUEST[name]}): seatrial env create {name}"


def interpreter(job: Job, progress: Progress = lambda _: None) -> str:
    """The Python that runs a job's ranks on this machine.

    It is this one if it has what the job requires (a rank warns of other versions), else that of the job's
    environment, which is made if need be. Raises UserError if it cannot be made.
    """
    if job.environment is None or runs_here(job):
        return sys.executable
    made = python(ensure(job.environment, progress))
    # What needs another Python than Seatrial is started by a program that Seatrial's own runs.
    return sys.executable if job.environment in versions.OTHER_PYTHON else str(made)


def ensure(name: str, progress: Progress = lambda _: None) -> Path:
    """The folder of an environment, which is made unless it is there. Raises UserError if it cannot be."""
    source = _lock.path(name)
    locked = _lock.packages(source.read_text(encoding="utf-8"))
    shared = _shared_by(name, locked)
    interpreter = _interpreter_of(name)
    folder = _folder(name, shared)

    def tell(news: str) -> None:
        progress(f"environment {name}: {news}")

    try:
        if not _making.is_made(folder):
            folder.parent.mkdir(parents=True, exist_ok=True)
            with _making.locked(folder, tell) as descriptor:
                if not _making.is_made(folder):
                    tell(f"is made on first use, {len(locked)} packages")
                    _making.make(folder, interpreter, source, shared, tell, descriptor)
    except _uv.Failed as failed:
        raise UserError(_making.problem(name, source, failed)) from None
    except OSError as error:
        remedy = "free some space, or choose another place: export SEATRIAL_ENVIRONMENTS=FOLDER"
        raise UserError(Problem(f"cannot be made: {error}", f"environment {name}", remedy)) from error
    return folder


def standing(name: str) -> Environment:
    """Whether an environment is made, where, and how large it is."""
    locked = _lock.packages(_lock.path(name).read_text(encoding="utf-8"))
    try:
        folder = _folder(name, _shared_by(name, locked))
    except UserError:
        folder = None
    made = folder is not None and _making.is_made(folder)
    return Environment(
        name=name,
        made=made,
        path=folder,
        packages=len(locked),
        size=json.loads((folder / STAMP).read_text(encoding="utf-8"))["bytes"] if folder and made else None,
        others=tuple(path for path in _versions(name) if path != folder and _making.is_made(path)),
    )


def remove(name: str) -> list[Path]:
    """Remove every version of an environment; the folders that are gone. Raises UserError for one not made here."""
    _lock.path(name)
    found = _versions(name)
    foreign = [path for path in found if not _making.is_made(path)]
    if foreign:
        what = f"was not made by Seatrial: it has no {STAMP}"
        raise UserError(Problem(what, str(path), "look at it, and remove it yourself") for path in foreign)
    for folder in found:
        with _making.locked(folder, lambda _: None):
            _making.discard(folder)
    for leftover in root().glob(f".{name}-{KEY}.[0-9]*"):  # of attempts that were killed
        with _making.locked(leftover.with_name(leftover.stem.removeprefix(".")), lambda _: None):
            shutil.rmtree(leftover, ignore_errors=True)
    return found


def root() -> Path:
    """The folder of all environments."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("SEATRIAL_ENVIRONMENTS") or Path(cache, "seatrial/environments")).absolute()


def _shared_by(name: str, locked: dict[str, list[str]]) -> dict[str, Path]:
    """What an environment gets by links: of another Python nothing would work there."""
    if name in versions.OTHER_PYTHON:
        return {}
    return _shared.entries(locked) if _lock.shares_torch(name) else _shared.only_seatrial()


def _interpreter_of(name: str) -> str:
    """The interpreter that an environment is made for. Raises UserError if it is not on this machine."""
    other = versions.OTHER_PYTHON.get(name)
    return sys.executable if other is None else _pythons.find(other, f"environment {name}")


def _folder(name: str, shared: dict[str, Path]) -> Path:
    """Where an environment belongs: the name holds a hash of all that it depends on."""
    facts = [_lock.path(name).read_text(encoding="utf-8"), sys.version, sys.base_prefix, sysconfig.get_platform()]
    facts += sorted(f"{entry} {source}" for entry, source in shared.items())
    facts += [_interpreter_of(name)] if name in versions.OTHER_PYTHON else []
    return root() / f"{name}-{hashlib.sha256(chr(0).join(facts).encode()).hexdigest()[:16]}"


def _versions(name: str) -> list[Path]:
    return sorted(path for path in root().glob(f"{name}-{KEY}") if path.is_dir())
