"""A launcher that comes by an entry point, with an engine in memory: what a package of somebody else would offer."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import pytest

from seatrial.cluster import Cluster, LauncherOptions
from seatrial.errors import Problem, UserError
from seatrial.findings import Finding, Verdict
from seatrial.job import Job
from seatrial.launchers import ENTRY_POINTS, Element, Engine, Launcher
from seatrial.plan import Plan
from seatrial.runs import Run
from seatrial.standing import Phase, Standing, Submission


@dataclass(frozen=True, kw_only=True, slots=True)
class Options(LauncherOptions):
    """Options of a launcher in memory."""

    tasks: int | None = None
    """Runs that one submission becomes."""
    max_restarts: int = 0
    """Restarts of a failed job."""
    hang_seconds: float = 300.0
    """Seconds without a step after which a rank hangs."""


RUNNING = Standing(phase=Phase.RUNNING)


@dataclass
class Memory:
    """The engine's jobs, and what becomes of one that is cancelled."""

    jobs: dict[str, Standing] = field(default_factory=dict)
    submitted: list[str] = field(default_factory=list)
    when_cancelled: Standing | None = None
    """None: it is deleted."""
    before_answer: Callable[[], None] = lambda: None
    """May raise, as an engine does that is out of reach."""

    def submit(self, plan: Plan, name: str, cluster: Cluster) -> str:
        self.before_answer()
        self.submitted.append(name)
        for element in elements(name, cluster):
            self.jobs[element.name] = RUNNING
        return f"id-{name}"

    def lookup(self, name: str, cluster: Cluster) -> str | None:
        return f"id-{name}" if name in self.jobs else None

    def standings(self, submissions: Sequence[Submission], cluster: Cluster) -> Mapping[str, Standing]:
        self.before_answer()
        return {s.name: self.jobs[s.name] for s in submissions if s.name in self.jobs}

    def collect(self, run: Run, submission: Submission, cluster: Cluster, *, logs: bool) -> None:
        """Its jobs say nothing."""

    def cancel(self, submission: Submission, cluster: Cluster) -> None:
        self.before_answer()
        if self.when_cancelled is None:
            del self.jobs[submission.name]
        else:
            self.jobs[submission.name] = self.when_cancelled


def silent() -> None:
    raise UserError(Problem("does not answer", "memory", "wait"))


def elements(name: str, cluster: Cluster) -> list[Element]:
    alone = replace(cluster, options=replace(cluster.options, tasks=None))
    if not cluster.options.tasks:
        return [Element(name=name, cluster=cluster)]
    return [Element(name=f"{name}-{n}", cluster=alone, suffix=f".{n}") for n in range(cluster.options.tasks)]


def render(job: Job, cluster: Cluster, name: str) -> Plan:
    return Plan(files={"job.json": job.to_json(), "settings.json": json.dumps(job.args)})


def launcher(memory: Memory) -> Launcher:
    return Launcher(
        name="memory",
        Options=Options,
        executor=Engine(
            submit=memory.submit,
            lookup=memory.lookup,
            standings=memory.standings,
            collect=memory.collect,
            cancel=memory.cancel,
        ),
        check_job=lambda job, cluster: (),
        render=render,
        check=lambda cluster: [Finding(check="cluster.memory", verdict=Verdict.PASS, observed="it is there")],
        elements=elements,
    )


def offer(monkeypatch: pytest.MonkeyPatch, offered: object, name: str = "memory") -> None:
    """Let a package offer this by an entry point of that name."""

    class Point:
        value = "their.module"

        def load(self) -> object:
            return offered

    Point.name = name
    found = lambda group: [Point()] if group == ENTRY_POINTS else []  # noqa: E731
    monkeypatch.setattr("importlib.metadata.entry_points", found)


def cluster(**options: int) -> Cluster:
    """Two nodes of it."""
    return Cluster(
        name="far", launcher="memory", nodes=2, cpus_per_node=4, processes_per_node=4, options=Options(**options)
    )
