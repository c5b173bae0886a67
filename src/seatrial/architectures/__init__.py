"""Architectures, each one value ARCHITECTURE: a module or folder here, a user's file, or a package's entry point."""

from __future__ import annotations

import pkgutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seatrial import loading
from seatrial.architectures._architecture import (
    IN_BUCKET,
    PREFIX,
    Architecture,
    ArchitectureParams,
    Capacity,
    Deployment,
    Facts,
    Instances,
    Name,
    Usage,
)
from seatrial.architectures._templates import parsed
from seatrial.errors import Problem, UserError, unknown

if TYPE_CHECKING:
    from seatrial.findings import Finding

__all__ = [
    "ENTRY_POINTS",
    "IN_BUCKET",
    "PREFIX",
    "Architecture",
    "ArchitectureParams",
    "Capacity",
    "Deployment",
    "Facts",
    "Instances",
    "Name",
    "Usage",
    "built_in",
    "find",
    "lint",
    "names",
    "parsed",
]

ENTRY_POINTS = "seatrial.architectures"
"""Group in which a package offers an ``Architecture``, or a module that holds one as ``ARCHITECTURE``."""

FUNCTIONS = ("render", "check", "instances", "usage", "clusters")
"""Fields of an Architecture by which its own code is called."""


def names() -> list[str]:
    """Names of all architectures, without importing them."""
    return sorted({*built_in(), *loading.entry_points(ENTRY_POINTS)})


def find(name: str) -> Architecture:
    """The architecture of that name, or of a Python file. Raises UserError with the nearest names, or why not."""
    if name.endswith(".py"):
        return _of_a_file(Path(name))
    if name in built_in():
        return _architecture_of(loading.module(f"{__name__}.{name.replace('-', '_')}"), name)
    points = loading.entry_points(ENTRY_POINTS)
    if name not in points:
        raise UserError(unknown("architecture", name, names()))
    where = points[name].value
    return _guarded(_architecture_of(loading.entry_point(points[name]), where), where, loading.origin(where))


def lint(deployment: Deployment) -> list[Finding]:
    """What cfn-lint says of its template. Raises UserError without it."""
    from seatrial.architectures._linting import findings

    return findings(deployment)


def built_in() -> list[str]:
    """Names of those that are modules here: without a look through every installed package."""
    found = (module.name for module in pkgutil.iter_modules(__path__))
    return [name.replace("_", "-") for name in found if not name.startswith("_")]


def _of_a_file(path: Path) -> Architecture:
    if not path.is_file():
        remedy = "give the path of a Python file that defines ARCHITECTURE"
        raise UserError(Problem("there is no such file", str(path), remedy))
    return _guarded(_architecture_of(loading.file(path), str(path)), str(path), path.absolute().parent)


def _architecture_of(loaded: object, where: str) -> Architecture:
    found = loaded if isinstance(loaded, Architecture) else getattr(loaded, "ARCHITECTURE", None)
    if not isinstance(found, Architecture):
        raise UserError(Problem("defines no ARCHITECTURE", where, "see architectures/s3 for an example"))
    Params: object = found.Params
    if not (isinstance(Params, type) and issubclass(Params, ArchitectureParams)):
        remedy = "derive it from seatrial.architectures.ArchitectureParams, as architectures/s3 does"
        raise UserError(Problem("the Params of its ARCHITECTURE have no region", where, remedy))
    return found


def _guarded(found: Architecture, where: str, root: Path | None) -> Architecture:
    """An architecture that is not ours, as one whose functions raise nothing but UserError."""
    functions: Mapping[str, Any] = {
        name: loading.guard(getattr(found, name), f"{name} of {found.name}", root, where, "repair the architecture")
        for name in FUNCTIONS
    }
    return replace(found, **functions)
