"""Launchers: one module each, found by being here. A launcher never knows cases, only the neutral Job.

Every launcher's module offers ``Options``, ``check_job(job, cluster) -> problems`` and
``render(job, cluster, name) -> Plan``. ``local`` runs the job itself: ``execute`` and ``cancel``. The others hand it
to an engine and offer what `Engine` lists.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any, Protocol, cast

from seatrial.errors import UserError, unknown
from seatrial.findings import Finding
from seatrial.plan import Plan
from seatrial.runs import Run, Standing, Submission
from seatrial.spec import Cluster, Mount, Software


class Engine(Protocol):
    """What the module of a launcher offers that hands jobs to an engine. All raise UserError if it is out of reach."""

    def submit(self, plan: Plan, name: str, cluster: Cluster) -> str:
        """Hand a plan over under a name and return the engine's id of it. Doing it twice submits once."""

    def lookup(self, name: str, cluster: Cluster) -> str | None:
        """The id of what was submitted under this name; None if the engine has never seen it."""

    def standings(self, submissions: Sequence[Submission], cluster: Cluster) -> Mapping[str, Standing]:
        """Name -> where it stands, with as few calls as the engine allows. A name that is missing is unknown to it."""

    def collect(self, run: Run, submission: Submission, cluster: Cluster, *, logs: bool) -> None:
        """Bring what is new of events.jsonl, and of logs/ if asked to, into the run's folder."""

    def cancel(self, submission: Submission, cluster: Cluster) -> None:
        """Ask for a checkpoint and an end if it runs; take it out of the queue if it does not."""

    def check(self, cluster: Cluster) -> list[Finding]:
        """What can be seen of the cluster without starting anything."""


def names() -> list[str]:
    """Names of all launchers, without importing them."""
    return [module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_")]


def find(name: str) -> ModuleType:
    """The module of a launcher. Raises UserError with the nearest names."""
    if name not in names():
        raise UserError(unknown("launcher", name, names()))
    return importlib.import_module(f"seatrial.launchers.{name}")


def engine(cluster: Cluster) -> Engine:
    """The engine that a cluster's jobs are handed to."""
    return cast(Engine, find(cluster.launcher))


def is_engine(cluster: Cluster) -> bool:
    """Whether jobs are handed over, rather than run by this command itself."""
    return hasattr(find(cluster.launcher), "submit")


def takes_secrets(cluster: Cluster) -> bool:
    """Whether a job's secrets go with it from here. Otherwise the cluster holds them, and its options say where."""
    return bool(getattr(find(cluster.launcher), "TAKES_SECRETS", False))


def restore(record: Mapping[str, Any]) -> Cluster:
    """The Cluster of what dataclasses.asdict and JSON made of one."""
    given = {name: tuple(v) if isinstance(v, list) else v for name, v in record["options"].items()}
    options = find(record["launcher"]).Options(**given)
    mounts = tuple(Mount(**mount) for mount in record["mounts"])
    # Older records have none.
    software = {name: Software(**found) for name, found in record.get("software", {}).items()}
    return Cluster(**{**record, "options": options, "mounts": mounts, "software": software})
