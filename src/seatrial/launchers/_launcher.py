"""What a launcher is: one value, which is all that the rest of Seatrial knows of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:  # a shell that completes the name of a cluster waits for this file
    from pathlib import Path

    from seatrial.cluster import Cluster, Container
    from seatrial.errors import Problem
    from seatrial.findings import Finding
    from seatrial.job import Job
    from seatrial.launchers._guard import Guard
    from seatrial.plan import Plan
    from seatrial.runs import Run
    from seatrial.standing import Standing, Submission


class Collect(Protocol):
    """Brings what is new of events.jsonl, and of logs/ if asked to, into the run's folder."""

    def __call__(self, run: Run, submission: Submission, cluster: Cluster, /, *, logs: bool) -> None: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Engine:
    """What jobs are handed to and goes on without us. All verbs raise UserError if it is out of reach."""

    submit: Callable[[Plan, str, Cluster], str]
    """Hand a plan over under a name and return the engine's id of it. Doing it twice submits once."""
    lookup: Callable[[str, Cluster], str | None]
    """The id of what was submitted under this name; None if the engine has never seen it."""
    standings: Callable[[Sequence[Submission], Cluster], Mapping[str, Standing]]
    """Name -> where it stands, with as few calls as the engine allows. A name that is missing is unknown to it."""
    collect: Collect
    cancel: Callable[[Submission, Cluster], None]
    """Ask for a checkpoint and an end if it runs; take it out of the queue if it does not."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Supervisor:
    """Runs a job's processes on this machine, as long as the command itself lives."""

    machine: Callable[[], Cluster]
    """This machine as a cluster: it needs no table in seatrial.toml."""
    execute: Callable[[Plan, Run, Cluster, Callable[[], None]], int]
    """Run a plan to its end; the last argument is called several times a second. Returns an ExitCode."""
    cancel: Callable[[Run], None]
    """Ask a run for a checkpoint and an end, and wait until it has ended."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Element:
    """One run of those that a submission becomes."""

    name: str
    cluster: Cluster
    """Where it is resumed, alone."""
    suffix: str = ""
    """What follows the id of the whole in the engine's id of this one."""


def _no_problems(_: Any) -> Iterable[Problem]:
    return ()


def _one(name: str, cluster: Cluster) -> list[Element]:
    return [Element(name=name, cluster=cluster)]


@dataclass(frozen=True, kw_only=True, slots=True)
class Launcher:
    """How a job gets onto machines. A launcher never knows cases, only the neutral Job."""

    name: str
    Options: type[Any]
    """A dataclass on LauncherOptions, every field with a default."""
    executor: Engine | Supervisor
    """Whether jobs are handed over, or run by this command itself."""
    check_job: Callable[[Job, Cluster], Iterable[Problem]]
    """What keeps a job from running on a cluster."""
    render: Callable[[Job, Cluster, str], Plan]
    """The plan of a job under a name. Pure. Raises UserError with everything that `check_job` finds. Where the job
    `ships` its program, that is relative to its `files`, which the plan must bring to the ranks."""
    check: Callable[[Cluster], list[Finding]]
    """What can be seen of a cluster without starting anything."""
    check_options: Callable[[Any], Iterable[Problem]] = _no_problems
    """What is wrong with options that have the right types; places are names of options."""
    elements: Callable[[str, Cluster], list[Element]] = _one
    """The runs that a submission under a name becomes: several for a job array."""
    takes_secrets: bool = False
    """Whether a job's secrets go with it from here. Otherwise the cluster holds them, and its options say where."""
    containers: tuple[Container, ...] = ("none",)
    """What can run an image there; the first is the default."""
    mounts_claims: bool = False
    """Whether a mount's source may be a PersistentVolumeClaim."""
    guard: Guard | None = None
    """How its nodes are kept away from jobs; None: there are no nodes that stay."""
    hooks: Callable[[Cluster], Plan] | None = None
    """The files by which a cluster checks its nodes itself, and commands that put them in place. Pure."""
    example: Path | None = None
    """A cluster's table for a first seatrial.toml."""

    @property
    def hands_over(self) -> bool:
        """Whether a job goes on without this command."""
        return isinstance(self.executor, Engine)
