"""A run, from what was asked for to its end: the same for one, and for each of many."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import click

from seatrial.cli.options import parse_profile, parse_settings, pasteable, secrets_for, warn_unseen
from seatrial.errors import ExitCode, Problem, UserError

# What a verb needs is imported when it runs: a shell that completes its arguments waits for this file.
if TYPE_CHECKING:
    from seatrial.cluster import Cluster
    from seatrial.findings import Finding
    from seatrial.history import History
    from seatrial.job import Job
    from seatrial.launchers import Launcher
    from seatrial.plan import Plan
    from seatrial.runs import Run
    from seatrial.spec import Case, Recipe
    from seatrial.tracked import Tracked


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """What the options of `seatrial run` ask for."""

    history: History
    cluster: str | None = None
    """Where to run; None: on this machine, or where the run was that is resumed."""
    options: tuple[str, ...] = ()
    expect: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    nodes: int | None = None
    processes: int | None = None
    profile: str | None = None
    """What is to be profiled, as `seatrial.profiling.parse` takes it."""
    name: str | None = None
    max_restarts: int | None = None
    hang_timeout: float | None = None
    track: tuple[str, ...] = ()
    """Names of trackers, or none; empty: what seatrial.toml or the run that is resumed says."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ready:
    """A job that nothing keeps from being started."""

    job: Job
    where: Cluster
    launcher: Launcher
    stored: Run | None
    """The run that goes on."""
    trackers: list[Tracked]
    """What it is sent to."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ended:
    """What came of a run."""

    code: int
    """An ExitCode."""
    findings: list[Finding]


def prepare(request: Request, target: str, resume: str | None = None) -> Ready:
    """Bind what was asked for, and look whether it can be started here. Raises UserError if not."""
    from seatrial import launchers
    from seatrial.cli import tracking
    from seatrial.cli.resuming import resolve

    case, recipe, stored = resolve(request.history, target, resume)
    where = place(request, stored)
    job, launcher = _bound(request, case, recipe, where, stored), launchers.find(where.launcher)
    # On a cluster only the nodes know what they have.
    problems = [] if launcher.hands_over else preflight(case, job)
    problems += request.history.check_name(request.name) if request.name is not None and stored is None else []
    trackers, more = tracking.chosen(request.track, request.history, stored)
    problems += more
    if problems:
        raise UserError(problems)
    return Ready(job=job, where=where, launcher=launcher, stored=stored, trackers=trackers)


def place(request: Request, stored: Run | None = None) -> Cluster:
    """The cluster to run on, with the options that were asked for: of a run that is resumed the one it was on."""
    from seatrial import config, launchers

    name, submission = request.cluster, stored.submission() if stored else None
    if stored is not None and name not in (None, stored.job.cluster):
        raise UserError(Problem(f"{stored.id} ran on {stored.job.cluster}", "--on", "its checkpoints are there"))
    where = launchers.restore(submission.cluster) if submission else config.cluster(name or launchers.HERE)
    watching = {"max_restarts": request.max_restarts, "hang_seconds": request.hang_timeout}
    asked = [f"{key}={value}" for key, value in watching.items() if value is not None]
    return config.with_options(where, [*request.options, *asked])


def preflight(case: Case, job: Job) -> list[Problem]:
    """What this machine lacks. What only this interpreter lacks is no matter where the ranks run with another."""
    from seatrial import environments
    from seatrial.extras import Absent

    here, found = environments.runs_here(job), case.preflight(case.Args(**job.args))
    return [*environments.missing(job), *(p for p in found if here or not isinstance(p, Absent))]


def make_environment(job: Job, *, quiet: bool) -> None:
    """Before the run is created, so that a failure leaves none behind."""
    from seatrial import environments
    from seatrial.cli.installing import installing

    with installing(quiet=quiet) as show:
        environments.interpreter(job, show)


def begin(ready: Ready, history: History, name: str | None) -> tuple[Plan, list[Run]]:
    """The plan that is executed, and the runs that come of it."""
    from seatrial import flow
    from seatrial.cli import tracking
    from seatrial.history import NameTaken

    job, where, stored = ready.job, ready.where, ready.stored
    if stored is not None:
        plan = ready.launcher.render(job, where, stored.id)
        flow.resume(plan, job, where, stored)
        tracking.keep(stored, ready.trackers)
        return plan, [stored]
    while True:
        chosen = name or history.free_id(job)
        plan = ready.launcher.render(job, where, chosen)
        try:
            runs = flow.start(plan, job, where, history, chosen)
        except NameTaken:  # by a run that began in the same second
            if name is not None:
                raise
        else:
            for run in runs:
                tracking.keep(run, ready.trackers)
            return plan, runs


def follow(plan: Plan, run: Run, where: Cluster, *, quiet: bool) -> Ended | None:
    """Watch a run to its end, and judge it. None: the user watches no longer, and it goes on: an engine has it."""
    try:
        return _follow(plan, run, where, quiet=quiet)
    except KeyboardInterrupt:
        if run.submission() is None:
            raise
        return None


def _follow(plan: Plan, run: Run, where: Cluster, *, quiet: bool) -> Ended:
    from seatrial import flow, following
    from seatrial.cli import tracking
    from seatrial.cli.outcome import judge_and_keep
    from seatrial.cli.progress import Progress
    from seatrial.findings import exit_code

    with tracking.senders(run, quiet=quiet):
        try:
            with Progress(run, quiet=quiet) as progress:
                code = flow.follow(plan, run, where, progress.update, progress.silence)
        except UserError:
            if run.submission() is not None:
                status = pasteable("status", run.id)
                click.echo(f"{run.id} is not watched any more, but it goes on: {status}", err=True)
            raise
        warn_unseen(following.refresh([run], logs=True))
    findings = judge_and_keep(run)
    return Ended(
        code=code if code in (ExitCode.STOPPED, ExitCode.USAGE) else exit_code(findings),
        findings=findings,
    )


def _bound(request: Request, case: Case, recipe: Recipe, where: Cluster, stored: Run | None) -> Job:
    from seatrial.binding import bind
    from seatrial.cli.forecasting import expected
    from seatrial.cli.resuming import stored_settings

    overrides, nodes, processes = parse_settings(request.settings), request.nodes, request.processes
    if stored is not None and processes is None and nodes is None:
        nodes, processes = stored.job.nodes, stored.job.processes_per_node
    job = bind(
        case,
        recipe,
        where,
        settings=stored_settings(stored, recipe, overrides) if stored else overrides,
        nodes=nodes,
        processes_per_node=processes,
        secrets=secrets_for(where),
        expect=request.expect,
        profile=parse_profile(request.profile),
    )
    if stored is not None and not request.expect:
        job = replace(job, expectations=stored.job.expectations)
    return replace(job, expected=expected(case, job, where))
