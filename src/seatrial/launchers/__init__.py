"""Launchers, each one value LAUNCHER: built in by being a module here, or offered by a package's entry point."""

from __future__ import annotations

import pkgutil
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from seatrial import loading
from seatrial.errors import Problem, UserError, unknown
from seatrial.launchers._guard import Guard
from seatrial.launchers._launcher import Element, Engine, Launcher, Supervisor

if TYPE_CHECKING:
    from seatrial.cluster import Cluster

__all__ = [
    "ENTRY_POINTS",
    "HERE",
    "Element",
    "Engine",
    "Guard",
    "Launcher",
    "Supervisor",
    "built_in",
    "find",
    "names",
    "restore",
]

ENTRY_POINTS = "seatrial.launchers"
"""Group in which a package offers a ``Launcher``, or a module that holds one as ``LAUNCHER``."""

HERE = "local"
"""The launcher whose supervisor runs jobs on this machine, and the name of the cluster that it is."""


def names() -> list[str]:
    """Names of all launchers, without importing them."""
    return sorted({*built_in(), *loading.entry_points(ENTRY_POINTS)})


def find(name: str) -> Launcher:
    """The launcher of that name. Raises UserError with the nearest names, or if it cannot be imported."""
    if name in built_in():
        return _launcher_of(loading.module(f"{__name__}.{name}"), name)
    points = loading.entry_points(ENTRY_POINTS)
    if name not in points:
        raise UserError(unknown("launcher", name, [*built_in(), *points]))
    return _launcher_of(loading.entry_point(points[name]), points[name].value)


def restore(record: Mapping[str, Any]) -> Cluster:
    """The Cluster of what dataclasses.asdict and JSON made of one."""
    from seatrial.cluster import Cluster, Mount, Software

    given = {name: tuple(v) if isinstance(v, list) else v for name, v in record["options"].items()}
    options = find(record["launcher"]).Options(**given)
    mounts = tuple(Mount(**mount) for mount in record["mounts"])
    # Older records have none.
    software = {name: Software(**found) for name, found in record.get("software", {}).items()}
    return Cluster(**{**record, "options": options, "mounts": mounts, "software": software})


def built_in() -> list[str]:
    """Names of those that are modules here."""
    return [module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_")]


def _launcher_of(loaded: object, where: str) -> Launcher:
    found = loaded if isinstance(loaded, Launcher) else getattr(loaded, "LAUNCHER", None)
    if not isinstance(found, Launcher):
        raise UserError(Problem("defines no LAUNCHER", where, "see launchers/local.py for an example"))
    return found
