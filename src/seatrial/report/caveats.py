"""What a reader must know about a run's data before its figures: what is missing, and what rests on little."""

from __future__ import annotations

import math
from collections.abc import Iterator

from seatrial.attempts import Attempt, Point
from seatrial.cluster import ELSEWHERE
from seatrial.events import EventLog, RunStart, Step
from seatrial.job import Job
from seatrial.runs import State
from seatrial.spec import Purpose
from seatrial.steady import WARM_UP


def caveats(
    log: EventLog, state: State, job: Job, attempts: list[Attempt], points: list[Point], steady: list[Point]
) -> Iterator[str]:
    """One sentence for each thing that is missing or doubtful."""
    yield from _about_state(log, state, job)
    yield from _about_steps(log, job.purpose, attempts, points, steady)
    yield from _about_mfu(steady)
    if log.unreadable:
        yield f"{log.unreadable} lines of events.jsonl could not be read and are missing here."


def _about_state(log: EventLog, state: State, job: Job) -> Iterator[str]:
    if not log.events:
        yield "No event was recorded: the run never came as far as its first step."
    elif log.last(RunStart) is None and log.last(Step) is None:
        yield "The ranks never met: device, hosts and versions are unknown."
    if state in (State.STARTING, State.RUNNING):
        yield "The run is not over: these are its figures so far."
    if state is State.LOST and job.cluster == ELSEWHERE:
        yield "The log ends before the last step: how the run ended is not known."
    elif state is State.LOST and log.events:
        yield "The run never said how it ended. Its processes are gone; they were probably killed."


def _about_steps(
    log: EventLog, purpose: Purpose, attempts: list[Attempt], points: list[Point], steady: list[Point]
) -> Iterator[str]:
    if log.events and not points and purpose == "training":
        yield "No step was logged."
    if points and not steady:
        yield (
            f"Every logged step ({len(points)} in all) counts as warm-up, as the first {WARM_UP} steps of an attempt "
            "do: there is no steady figure."
        )
    if bad := [point.event.step for point in points if not math.isfinite(point.event.loss)]:
        yield f"The loss is not a finite number at {len(bad)} of {len(points)} logged steps, first at step {bad[0]}."
    if len({attempt.world_size for attempt in attempts}) > 1:
        yield "Attempts had different numbers of ranks; steady figures come from the last number only."


def _about_mfu(steady: list[Point]) -> Iterator[str]:
    if any(share > 1 for point in steady for share in point.mfu.values()):
        yield "MFU is over 100 % at some steps, so the peak or the FLOPs per token are wrong."
