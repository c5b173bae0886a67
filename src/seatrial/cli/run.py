"""seatrial run"""

from __future__ import annotations

import sys
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

import click

from seatrial.cli.options import (
    as_json,
    parse_settings,
    pasteable,
    print_json,
    runs_dir,
    say_notes,
    scale,
    secrets_for,
    target_argument,
    warn_unseen,
)
from seatrial.errors import ExitCode, Problem, UserError

# What a verb needs is imported when it runs: a shell that completes its arguments waits for this file.
if TYPE_CHECKING:
    from seatrial.launchers import Launcher
    from seatrial.plan import Plan
    from seatrial.runs import History, Run
    from seatrial.spec import Case, Cluster, Job, Recipe


@click.command()
@target_argument
@scale
@click.option("--name", help="Name of the run's folder.  [default: case, recipe and time]")
@click.option(
    "--resume",
    is_flag=False,
    flag_value="",
    default=None,
    metavar="[RUN]",
    help="Go on from the last complete checkpoint of RUN, or of the newest unfinished run of this recipe.",
)
@click.option(
    "--max-restarts",
    type=click.IntRange(0),
    help="Restarts after a rank died.  [default: 1, or the cluster's]",
)
@click.option(
    "--hang-timeout",
    type=click.FloatRange(min=1),
    help="Seconds without a sign of life after which a rank hangs; on this machine.  [default: 300]",
)
@click.option("--detach", is_flag=True, help="Do not wait for the end: it goes on without this terminal.")
@runs_dir
@as_json
def command(
    target: str,
    cluster: str | None,
    options: tuple[str, ...],
    expect: tuple[str, ...],
    settings: tuple[str, ...],
    nodes: int | None,
    processes: int | None,
    name: str | None,
    resume: str | None,
    max_restarts: int | None,
    hang_timeout: float | None,
    detach: bool,
    history: History,
    as_json: bool,
) -> None:
    """Start a recipe and watch it; say whether it passed.

    TARGET is a case such as fsdp (its recipe is then tiny), a recipe such as fsdp/llama3.1-8b, or a Python file of
    your own that defines CASE. Ctrl-C writes a checkpoint and stops, and so does a terminal that is closed; on a
    cluster it only stops watching.
    """
    from seatrial import catalog, config, launchers
    from seatrial.binding import bind
    from seatrial.cli.background import in_background
    from seatrial.interrupts import held_back

    case, recipe = catalog.recipe(_own_copy(history, target, resume) if resume else target)
    stored = _run_to_resume(history, case, recipe, resume) if resume is not None else None
    if stored is not None:
        case, recipe = _as_it_began(stored, case, recipe, target)
    where = _where(cluster, stored)
    launcher = launchers.find(where.launcher)
    where = config.with_options(where, [*options, *_watching(launcher, max_restarts, hang_timeout)])
    overrides = parse_settings(settings)
    if stored is not None and processes is None and nodes is None:
        nodes, processes = stored.job.nodes, stored.job.processes_per_node
    job = bind(
        case,
        recipe,
        where,
        settings=_stored_settings(stored, recipe, overrides) if stored else overrides,
        nodes=nodes,
        processes_per_node=processes,
        secrets=secrets_for(where),
        expect=expect,
    )
    if stored is not None and not expect:
        job = replace(job, expectations=stored.job.expectations)
    # On a cluster only the nodes know what they have.
    problems = [] if launcher.hands_over else _preflight(case, job)
    problems += history.check_name(name) if name is not None and stored is None else []
    if hang_timeout is not None and launcher.hands_over:
        problems.append(Problem("ranks are watched on this machine only", "--hang-timeout", "leave it out"))
    if problems:
        raise UserError(problems)
    say_notes(job)
    if launcher.hands_over:
        plan, runs = _start(launcher, job, where, history, name, stored)
        if not (detach or len(runs) > 1):
            _follow(plan, runs[0], where, target, as_json=as_json)
        _say_submitted(runs, as_json=as_json)
        return
    _make_environment(job, quiet=as_json)
    with held_back():
        plan, [run] = _start(launcher, job, where, history, name, stored)
        if detach and in_background(run):
            _say_submitted([run], as_json=as_json)
        else:
            _follow(plan, run, where, target, as_json=as_json and not detach)


def _start(
    launcher: Launcher, job: Job, where: Cluster, history: History, name: str | None, stored: Run | None
) -> tuple[Plan, list[Run]]:
    """The plan that is executed, and the runs that come of it."""
    from seatrial import flow
    from seatrial.runs import NameTaken

    if stored is not None:
        plan = launcher.render(job, where, stored.id)
        flow.resume(plan, job, where, stored)
        return plan, [stored]
    while True:
        chosen = name or history.free_id(job)
        plan = launcher.render(job, where, chosen)
        try:
            return plan, flow.start(plan, job, where, history, chosen)
        except NameTaken:  # by a run that began in the same second
            if name is not None:
                raise


def _own_copy(history: History, target: str, resume: str) -> str:
    """Where the file of a case is gone: the copy that the run which is to be resumed has of it."""
    from seatrial import catalog

    path, recipe = catalog.file_of(target)
    if path is None or path.exists():
        return target
    run = history.find(resume)
    return f"{run.case_file}:{recipe or run.job.recipe}" if run.case_file else target


def _as_it_began(run: Run, case: Case, recipe: Recipe, target: str) -> tuple[Case, Recipe]:
    """The case in a file by the run's own copy. Raises UserError where the file that is given now is another one."""
    from seatrial import catalog
    from seatrial.shipping import changed

    own, names = run.case_file, changed(run.job.files, case.shipped)
    if names:
        path, _ = catalog.file_of(target)
        remedy = "put it back as it was, or start a new run"
        if own is not None and not (path is not None and path.exists() and own.samefile(path)):
            again = pasteable("run", f"{own}:{recipe.name}", "--resume", run.id)
            remedy = f"go on as it began: {again}; or start a new run"
        which = f"{', '.join(names)} {'is' if len(names) == 1 else 'are'} not the same"
        raise UserError(Problem(f"{run.id} began with another program: {which}", target, remedy))
    return catalog.recipe(f"{own}:{recipe.name}") if own is not None else (case, recipe)


def _where(name: str | None, stored: Run | None) -> Cluster:
    """The cluster to run on: of a run that is resumed the one it was on."""
    from seatrial import config, launchers

    submission = stored.submission() if stored else None
    if stored is not None and name not in (None, stored.job.cluster):
        raise UserError(Problem(f"{stored.id} ran on {stored.job.cluster}", "--on", "its checkpoints are there"))
    return launchers.restore(submission.cluster) if submission else config.cluster(name or launchers.HERE)


def _watching(launcher: Launcher, max_restarts: int | None, hang_timeout: float | None) -> list[str]:
    """What decides how the run is watched, as options of the launcher."""
    found = {"max_restarts": max_restarts, "hang_seconds": None if launcher.hands_over else hang_timeout}
    return [f"{key}={value}" for key, value in found.items() if value is not None]


def _run_to_resume(history: History, case: Case, recipe: Recipe, name: str) -> Run:
    from seatrial import tracking
    from seatrial.runs import State

    if name:
        run = history.find(name)
    else:
        mine = [r for r in history.runs if r.job.case == case.name and r.job.recipe == recipe.name]
        open_ = [r for r in mine if r.state() is not State.COMPLETED]
        if not open_:
            what = f"no unfinished run of {case.name}/{recipe.name} in {history.root}"
            raise UserError(Problem(what, "--resume", "leave it out to start a new one"))
        run = open_[-1]
    warn_unseen(tracking.refresh([run]))
    state = run.state()
    if (run.job.case, run.job.recipe) != (case.name, recipe.name):
        own = f"{run.case_file}:{run.job.recipe}" if run.case_file else run.job.label
        remedy = pasteable("run", own, "--resume", run.id)
        raise UserError(Problem(f"{run.id} is a run of {run.job.label}", "--resume", remedy))
    if state is State.COMPLETED:
        raise UserError(Problem(f"{run.id} is completed", "--resume", "leave it out to start a new run"))
    if state.live:
        raise UserError(Problem(f"{run.id} is {state}", "--resume", f"seatrial logs -f {run.id}"))
    if not case.resumable:
        raise UserError(Problem(f"{case.name} cannot go on from a checkpoint", "--resume", "start a new run"))
    return run


def _stored_settings(run: Run, recipe: Recipe, overrides: dict[str, str]) -> dict[str, Any]:
    """The run's own arguments. Raises UserError where the user asks for others now, or the case has others."""
    stored = run.job.args
    changed = stored.keys() ^ {field.name for field in fields(recipe.args)}
    if changed:
        what = f"{run.id} began with another version of {run.job.case}, whose settings were others"
        remedy = "go on with the version that it began with, or start a new run"
        raise UserError(Problem(f"{what}: {', '.join(sorted(changed))}", "--resume", remedy))
    different = {k: v for k, v in overrides.items() if k in stored and str(stored[k]).lower() != v.lower()}
    if different:
        raise UserError(
            Problem(
                f"{key} was {stored[key]} when {run.id} began",
                f"--set {key}={value}",
                "leave it out, or start a new run",
            )
            for key, value in different.items()
        )
    return stored | overrides


def _preflight(case: Case, job: Job) -> list[Problem]:
    """What this machine lacks. What only this interpreter lacks is no matter where the ranks run with another."""
    from seatrial import environments
    from seatrial.extras import Absent

    here, found = environments.runs_here(job), case.preflight(case.Args(**job.args))
    return [*environments.missing(job), *(p for p in found if here or not isinstance(p, Absent))]


def _make_environment(job: Job, *, quiet: bool) -> None:
    """Before the run is created, so that a failure leaves none behind."""
    from seatrial import environments
    from seatrial.cli.installing import installing

    with installing(quiet=quiet) as show:
        environments.interpreter(job, show)


def _follow(plan: Plan, run: Run, cluster: Cluster, target: str, *, as_json: bool) -> None:
    """Watch a run to its end, say what came of it, and exit with that."""
    from seatrial import flow, tracking
    from seatrial.cli.outcome import exit_code, judge_and_keep, say
    from seatrial.cli.progress import Progress

    try:
        with Progress(run, quiet=as_json) as progress:
            code = flow.follow(plan, run, cluster, progress.update, progress.silence)
    except UserError:
        if run.submission() is not None:
            status = pasteable("status", run.id)
            click.echo(f"{run.id} is not watched any more, but it goes on: {status}", err=True)
        raise
    if code is None:
        _say_submitted([run], as_json=as_json)
        sys.exit(ExitCode.UNKNOWN)
    warn_unseen(tracking.refresh([run], logs=True))
    findings = judge_and_keep(run)
    say(run, findings, target, as_json=as_json)
    sys.exit(code if code in (ExitCode.STOPPED, ExitCode.USAGE) else exit_code(findings))


def _say_submitted(runs: list[Run], *, as_json: bool) -> None:
    submissions = [run.submission() for run in runs]
    if as_json:
        print_json(
            [
                {"run": r.id, "state": r.state(), "job_id": s and s.job_id}
                for r, s in zip(runs, submissions, strict=True)
            ]
        )
        return
    for run, submission in zip(runs, submissions, strict=True):
        number = f"job {submission.job_id or 'unknown'}" if submission else f"process {run.supervisor()}"
        click.echo(f"{run.id}  {run.state()}  {number} on {run.job.cluster}")
    name = runs[0].id
    click.echo("    ".join(pasteable(*words, name) for words in (("status",), ("logs", "-f"), ("cancel",))))
