"""Everything that a report says about a run, computed once for all formats.

What is missing is None, shown as "unknown"; nothing is ever filled in with a zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from seatrial import diagnose, provenance, related
from seatrial.attempts import Attempt, Attempts, Point
from seatrial.diagnose import Diagnosis
from seatrial.events import (
    CheckpointLoaded,
    CheckpointSaved,
    CollectiveSweep,
    EventLog,
    Restart,
    RunStart,
    Timed,
    Validation,
)
from seatrial.expected import Expected
from seatrial.findings import Finding, Verdict, overall
from seatrial.job import Job
from seatrial.metrics import FLOP_FORMULAS
from seatrial.profiles import Profiles
from seatrial.provenance import Start
from seatrial.report import reason, statements
from seatrial.report.caveats import caveats
from seatrial.report.means import mean_phases, printed
from seatrial.report.ranks import RankMeasure, rank_measures
from seatrial.report.reason import Reason
from seatrial.report.sweeps import newest
from seatrial.runs import Run, State
from seatrial.spec import Purpose
from seatrial.verdict import reference

_WORST_FIRST = (Verdict.FAIL, Verdict.UNKNOWN, Verdict.WARN, Verdict.PASS, Verdict.SKIP)


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """What a baseline says of a step."""

    step: int
    metrics: dict[str, float]
    """``low`` and ``high``: of the loss, nats."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Summary:
    """A run, as reports show it."""

    reason: Reason | None
    """Why it failed; None if it did not, or nothing tells."""
    diagnosis: Diagnosis | None
    """The root cause of what ended or slowed it, and what followed; None while it runs, and where none is named."""
    run: str
    purpose: Purpose
    case: str
    recipe: str
    title: str
    framework: str
    fidelity: str
    fidelity_note: str
    fidelity_statement: str
    """What the run exercised, and on CPU that it is no result about a GPU."""
    state: State
    verdict: Verdict
    findings: tuple[Finding, ...]
    """Worst first."""
    links: tuple[tuple[str, str], ...]
    """Where else it can be looked at: what that is, and its address."""
    notes: tuple[str, ...]
    """What a reader must know about the data itself: events that are missing, figures that rest on little."""
    start: float | None
    """Unix seconds of the first event."""
    end: float | None
    """Unix seconds of the last event."""
    duration: float | None
    """Seconds from the first to the last event."""
    steps_done: int | None
    steps_planned: int | None
    attempts: tuple[Attempt, ...]
    world_size: int
    device: str | None
    backend: str | None
    hosts: tuple[str, ...]
    parameters: int | None
    unit: str
    """What throughput counts: ``tokens`` or ``samples``."""
    series: tuple[Point, ...]
    steady: tuple[Point, ...]
    """The part of `series` that steady figures are made of."""
    first_loss: float | None
    """Nats."""
    final_loss: float | None
    """Nats."""
    throughput: float | None
    """`unit` per second of the whole job over the steady steps; see seatrial.steady."""
    step_seconds: float | None
    """Mean over the steady steps."""
    mfu: dict[str, float]
    """Convention -> MFU at the steady throughput; empty if unknown."""
    mfu_unknown: str
    """Why it is unknown; empty if it is known."""
    expected: Expected | None
    """What was forecast when it started; None if nothing was."""
    baseline: tuple[Limits, ...]
    """The band of losses that was recorded of the same training; empty if none was."""
    printed: dict[str, float]
    """What the framework's own log says, as means over the steady steps: ``mfu``, and ``flops`` of a rank."""
    phases: dict[str, float]
    """Phase -> mean seconds per steady step on rank 0. Means, because only means add up to the step."""
    ranks: tuple[RankMeasure, ...]
    saved: tuple[Timed, ...]
    loaded: tuple[Timed, ...]
    stall_seconds: float | None
    """Training time lost to all checkpoints together; None if none was written."""
    restarts: tuple[Timed, ...]
    validations: tuple[Timed, ...]
    sweeps: tuple[CollectiveSweep, ...]
    """Of collective operations: the newest of each."""
    peak_memory: int | None
    """Bytes, of rank 0."""
    flops_per_token: dict[str, float]
    flop_formulas: dict[str, str]
    peak_flops: float | None
    """FLOP/s of one rank's device."""
    peak_source: str
    versions: dict[str, str]
    variables: dict[str, str]
    """Environment variables that decide how ranks run: rank 0's, or else those of the command that started them."""
    starts: tuple[Start, ...]
    """The command lines that started and resumed it; empty if nobody saw them."""
    job_id: str | None
    """The engine's."""
    settings: dict[str, Any]
    """The case's arguments."""
    layout: dict[str, Any]
    """The rest of the job: where and how it was started."""
    profiles: Profiles | None
    """What a profiler recorded; None if nothing did, or it cannot be read."""
    profile_unread: str
    """Why what should be there cannot be read; empty if nothing should, or it can."""
    steady_steps: int
    """Steps that steady figures are made of; a point stands for several if not every step is logged."""


def summarise(run: Run, findings: list[Finding], links: Sequence[tuple[str, str]] = ()) -> Summary:
    """Read a run's job and events. Raises UserError if the job cannot be read; events may be missing."""
    job, log, state = run.job, run.events(), run.state()
    attempts = Attempts(log.events, job.flops_per_token)
    points, steady_points, steady = attempts.points(), attempts.steady_points(), attempts.steady()
    info = log.last(RunStart)
    times = [timed.time for timed in log.events]
    saved = _timed(log, CheckpointSaved)
    recorded, unread = statements.profiles_of(run, job)
    starts, submission = provenance.read(run), run.submission()
    # Of a run that goes on, what would be named now may be gone with the next step.
    left = None if state.live else diagnose.read(run)
    found = related.explain(run, left, diagnose.judge(left)) if left else None
    memory = [p.event.memory_bytes for p in points if p.event.memory_bytes is not None]
    return Summary(
        reason=reason.find(run, left, found) if left and found else None,
        diagnosis=found if found and found.named else None,
        run=run.id,
        purpose=job.purpose,
        case=job.case,
        recipe=job.recipe,
        title=job.title,
        framework=job.framework,
        fidelity=job.fidelity,
        fidelity_note=job.fidelity_note,
        fidelity_statement=statements.fidelity(job),
        state=state,
        verdict=overall(findings),
        findings=tuple(sorted(findings, key=lambda finding: _WORST_FIRST.index(finding.verdict))),
        links=tuple(links),
        notes=(*job.notes, *caveats(log, state, job, attempts.all, points, steady_points)),
        start=min(times, default=None),
        end=max(times, default=None),
        duration=max(times) - min(times) if times else None,
        steps_done=_steps_done(attempts.all),
        steps_planned=info.steps if info else None,
        attempts=tuple(attempts.all),
        world_size=info.world_size if info else job.world_size,
        device=info.device if info else None,
        backend=info.backend if info else None,
        hosts=tuple(info.hosts) if info else (),
        parameters=info.parameters if info and info.parameters is not None else job.parameters,
        unit=info.unit if info else "tokens",
        series=tuple(points),
        steady=tuple(steady_points),
        first_loss=points[0].event.loss if points else None,
        final_loss=points[-1].event.loss if points else None,
        throughput=steady.throughput,
        step_seconds=steady.step_seconds,
        mfu=attempts.mfu(),
        mfu_unknown="" if attempts.mfu() else statements.mfu_unknown(job, info, attempts, steady),
        expected=job.expected,
        baseline=_baseline(run, job),
        printed=printed(steady_points),
        phases=mean_phases(steady_points),
        ranks=tuple(rank_measures(steady_points)),
        saved=saved,
        loaded=_timed(log, CheckpointLoaded),
        stall_seconds=sum(timed.event.stall_seconds for timed in saved) if saved else None,
        restarts=_timed(log, Restart),
        validations=_timed(log, Validation),
        sweeps=newest(log.of(CollectiveSweep)),
        peak_memory=max(memory, default=None),
        flops_per_token=dict(attempts.flops_per_token()),
        flop_formulas=dict(FLOP_FORMULAS),
        peak_flops=info.peak_flops if info else None,
        peak_source=info.peak_source if info else "unknown",
        versions=dict(sorted(info.versions.items())) if info else {},
        variables=dict(info.variables if info and info.variables else starts[-1].variables if starts else {}),
        starts=tuple(starts),
        job_id=submission.job_id if submission else None,
        settings=dict(job.args),
        layout=_layout(job),
        steady_steps=steady.steps,
        profiles=recorded,
        profile_unread=unread,
    )


def _baseline(run: Run, job: Job) -> tuple[Limits, ...]:
    found = reference.baseline_of(run, job)
    if found is None:
        return ()
    band = found.band
    rows = zip(band.steps, band.low, band.high, strict=True)
    return tuple(Limits(step=step, metrics={"low": low, "high": high}) for step, low, high in rows)


def _steps_done(attempts: list[Attempt]) -> int | None:
    if not attempts:
        return None
    last = attempts[-1]
    return last.last_step if last.last_step is not None else last.info.start_step if last.info else None


def _timed(log: EventLog, kind: type[Any]) -> tuple[Timed, ...]:
    return tuple(timed for timed in log.events if isinstance(timed.event, kind))


def _layout(job: Job) -> dict[str, Any]:
    elsewhere = {"case", "recipe", "title", "framework", "fidelity", "fidelity_note", "parameters", "args", "notes"}
    elsewhere |= {"purpose", "flops_per_token", "expected"}
    return {name: value for name, value in job.record().items() if name not in elsewhere}
