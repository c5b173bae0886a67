"""A run in a history: its figures, and what was there when it ran."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from seatrial import provenance
from seatrial.attempts import Attempts
from seatrial.events import CheckpointSaved, RunStart
from seatrial.findings import Verdict, overall
from seatrial.job import Job
from seatrial.report.facts import flatten, without_run
from seatrial.report.peers import Configuration, configuration
from seatrial.runs import Run, State
from seatrial.samples import MIN_SAMPLES, mean

Fact = tuple[str, str]
"""Kind and name: ``version torch``, ``host ip-10-0-0-3``."""

JOB = ("environment", "fidelity", "launch", "launcher", "program", "recipe", "threads_per_process")
"""What a job says beyond its arguments and its layout of how it is run."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """A run that counts."""

    run: str
    job: Job
    time: float
    """When it began, Unix seconds."""
    state: State
    verdict: Verdict | None
    """None: it was not judged."""
    unit: str
    """What its throughput counts."""
    figures: Mapping[str, float | None]
    """Name of one of seatrial.report.history.FIGURES -> its value."""
    facts: Mapping[Fact, str]
    """What was there: software, variables, cluster, hosts."""

    @property
    def configuration(self) -> Configuration:
        """What is the same in runs of one history."""
        return configuration(self.job)

    def record(self) -> dict[str, Any]:
        """All but the job, as JSON has it."""
        plain = {name: getattr(self, name) for name in ("run", "time", "state", "verdict", "unit", "figures")}
        return plain | {"facts": [[*fact, value] for fact, value in self.facts.items()]}

    @classmethod
    def of(cls, record: Mapping[str, Any], job: Job) -> Entry:
        """The entry of that job's run, from its record."""
        verdict = record["verdict"]
        return cls(
            **{name: record[name] for name in ("run", "time", "unit", "figures")},
            job=job,
            state=State(record["state"]),
            verdict=Verdict(verdict) if verdict else None,
            facts={(kind, name): value for kind, name, value in record["facts"]},
        )


def read(run: Run) -> Entry:
    """The entry of a run. Raises UserError if its job cannot be read."""
    job, log, findings = run.job, run.events(), run.findings()
    attempts, info, state = Attempts(log.events, job.flops_per_token), log.last(RunStart), run.state(log)
    points, steady = attempts.points(), attempts.steady()
    # Of a run that ended before a few steps say nothing, and its last loss is one of another step.
    whole = state is State.COMPLETED
    stalls = [saved.stall_seconds for saved in log.of(CheckpointSaved)]
    memory = [p.event.memory_bytes for p in points if p.event.memory_bytes is not None]
    return Entry(
        run=run.id,
        job=job,
        time=run.started(),
        state=state,
        verdict=overall(findings) if findings else None,
        unit=info.unit if info else "tokens",
        figures={
            "throughput": steady.throughput if whole or steady.steps >= MIN_SAMPLES else None,
            "peak memory, rank 0": max(memory, default=None),
            "stall per checkpoint": mean(stalls, [1.0] * len(stalls)),
            "last loss": points[-1].event.loss if points and whole else None,
        },
        facts=_facts(run, job, info),
    )


def _facts(run: Run, job: Job, info: RunStart | None) -> dict[Fact, str]:
    submission, starts = run.submission(), provenance.read(run)
    record, last = job.record(), starts[-1] if starts else None
    cluster: Mapping[str, Any] = submission.cluster if submission else {}
    variables = info.variables if info and info.variables else last.variables if last else {}
    told = {
        "version": ({"seatrial": last.seatrial, "code": last.code} if last else {}) | (info.versions if info else {}),
        "cluster": flatten({name: value for name, value in cluster.items() if name not in ("name", "nodes")}),
        "variable": without_run(variables, run.id),
        "job": flatten({name: record[name] for name in JOB} | {"profile": record.get("profile")}),
        "ranks": {"device": info.device, "backend": info.backend} if info else {},
        "host": {host: "there" for host in info.hosts} if info else {},
    }
    return {(kind, name): value for kind, values in told.items() for name, value in values.items() if value}
