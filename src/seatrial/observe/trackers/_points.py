"""From events to what trackers are told: the same for every case and every tracker."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

from seatrial import __version__
from seatrial.attempts import Attempts, utilisation
from seatrial.events import CheckpointLoaded, CheckpointSaved, EventLog, RunStart, Step, Timed, Validation
from seatrial.findings import overall
from seatrial.job import Job
from seatrial.masking import MASK, mask, names_secret
from seatrial.metrics import PHASES
from seatrial.observe.trackers._tracker import About, Outcome, Point
from seatrial.runs import State
from seatrial.verdict import judge_events

LONGEST = 500
"""Characters of a text: what MLflow took of a parameter for a long time."""


class Points:
    """Makes points of the events of a run as they come."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self.start: RunStart | None = None
        """Of the newest attempt."""
        self._step = 0
        """The newest that was told."""

    def take(self, timed: Timed) -> Iterator[Point]:
        """What one event tells; nothing for most kinds."""
        event = timed.event
        match event:
            case RunStart():
                self.start, self._step = event, event.start_step
                yield Point(step=event.start_step, time=timed.time, values={}, restart=True)
            case Step():
                if event.step <= self._step:  # a log in which nothing but its steps tells of a restart
                    yield Point(step=event.step - 1, time=timed.time, values={}, restart=True)
                self._step = event.step
                yield _point(timed, self._values(event))
            case Validation():
                values = {f"validation/{_plain(name)}": value for name, value in event.metrics.items()}
                yield _point(timed, values | {"validation/seconds": event.seconds})
            case CheckpointSaved():
                values = {"seconds": event.seconds, "stall_seconds": event.stall_seconds, "bytes": event.bytes}
                yield _point(timed, {f"checkpoint/{name}": value for name, value in values.items()})
            case CheckpointLoaded():
                yield _point(timed, {"checkpoint/load_seconds": event.seconds})

    def _values(self, step: Step) -> dict[str, float | None]:
        unit = self.start.unit if self.start else "tokens"
        rate = step.count / step.seconds if math.isfinite(step.seconds) and step.seconds > 0 else None
        shares = utilisation(rate, self.start, self._job.flops_per_token)
        return {
            "train/loss": step.loss,
            "train/learning_rate": step.learning_rate,
            "train/grad_norm": step.grad_norm,
            f"throughput/{unit}_per_second": rate,
            **{f"throughput/mfu_{convention}": share for convention, share in shares.items()},
            **{f"throughput/printed_{_plain(name)}": value for name, value in step.printed.items()},
            "time/step": step.seconds,
            **{f"time/{phase}": step.phases.get(phase) for phase in PHASES},
            "memory/peak_bytes": step.memory_bytes,
        }


def about(job: Job, start: RunStart | None) -> About:
    """What is told of a run before its numbers."""
    facts: dict[str, Any] = {
        "case": job.case,
        "recipe": job.recipe,
        "framework": job.framework,
        "fidelity": job.fidelity,
        "cluster": job.cluster,
        "launcher": job.launcher,
        "device": start.device if start else job.device,
        "nodes": job.nodes,
        "ranks": start.world_size if start else job.world_size,
        "parameters": start.parameters if start else job.parameters,
        "version.seatrial": __version__,
        **{f"version.{name}": version for name, version in (start.versions if start else job.pins).items()},
    }
    return About(
        arguments={_plain(name): _text(name, value) for name, value in job.args.items()},
        facts={_plain(name): _text(name, value) for name, value in facts.items() if value is not None},
    )


def outcome(job: Job, log: EventLog, state: State) -> Outcome:
    """What is told of a run when it is over, or as far as it came."""
    attempts, findings = Attempts(log.events, job.flops_per_token), judge_events(job, log)
    rate, start, end = attempts.steady().throughput, log.last(RunStart), log.end()
    figures = {f"steady/{start.unit if start else 'tokens'}_per_second": rate}
    figures |= {f"steady/mfu_{convention}": share for convention, share in attempts.mfu().items()}
    return Outcome(
        state=state.value,
        verdict=overall(findings).value,
        findings={finding.check: mask(f"{finding.verdict}: {finding.observed}") for finding in findings},
        figures={name: value for name, value in figures.items() if value is not None},
        step=max([step.step for step in log.of(Step)] + [end.step if end else 0]),
    )


def _point(timed: Timed, values: Mapping[str, float | None]) -> Point:
    """What the framework does not tell is left out; a value that is not finite is told as it is."""
    known = {name: float(value) for name, value in values.items() if value is not None}
    return Point(step=timed.event.step, time=timed.time, values=known)


def _plain(name: str) -> str:
    """A name that every tracker takes: letters, digits, and ``_ - . /``."""
    return re.sub(r"[^A-Za-z0-9_./-]", "_", name)


def _text(name: str, value: Any) -> str:
    return MASK if names_secret(name) else mask(str(value))[:LONGEST]
