"""Locks: every package of an environment with its version and the hashes of its files. scripts/lock.py makes them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path

from seatrial import versions
from seatrial.errors import UserError, unknown

FOLDER = Path(__file__).with_name("locks")

_PIN = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^\s;\\]+)", re.MULTILINE)


def path(name: str) -> Path:
    """The lock of an environment. Raises UserError if there is no environment of that name."""
    if name not in versions.ENVIRONMENTS:
        raise UserError(unknown("environment", name, versions.ENVIRONMENTS))
    return FOLDER / f"{name}.txt"


def packages(text: str) -> dict[str, list[str]]:
    """Package -> its versions, of a lock's text: several where the Python or the platform decides."""
    found: dict[str, list[str]] = {}
    for pin in _PIN.finditer(text):
        found.setdefault(pin["name"], []).append(pin["version"])
    return found


def requested(name: str) -> list[str]:
    """The requirements that an environment's lock is made from."""
    return [*versions.ENVIRONMENTS[name], *(versions.TORCH_NEEDS if shares_torch(name) else ())]


def shares_torch(name: str) -> bool:
    """Whether an environment gets links to the command's torch."""
    return name not in versions.WITHOUT_TORCH and name not in versions.OTHER_PYTHON


def oldest_python(name: str) -> str:
    """The Python that a lock is made for: of an environment's own, or the oldest that may run the command."""
    return versions.OTHER_PYTHON.get(name, versions.PYTHON)


def digest(requested: Sequence[str], python: str) -> str:
    """Hash of all that decides a lock. It stands in the lock, so that a change without a new lock is seen."""
    inputs = [python, *requested, *(f"without {package}" for package in versions.LEFT_OUT)]
    return hashlib.sha256("\n".join(inputs).encode()).hexdigest()
