"""seatrial run"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from seatrial.cli.completing import complete_recipe, complete_target
from seatrial.cli.options import as_json, pasteable, print_json, runs_dir, say_notes, scale
from seatrial.errors import ExitCode, Problem, UserError

# What a verb needs is imported when it runs: a shell that completes its arguments waits for this file.
if TYPE_CHECKING:
    from seatrial.cli.running import Request
    from seatrial.cluster import Cluster
    from seatrial.plan import Plan
    from seatrial.runs import Run

OF_ONE = {
    "target": "CASE[/RECIPE]",
    "settings": "--set",
    "expect": "--expect",
    "nodes": "--nodes",
    "processes": "--processes",
    "profile": "--profile",
    "name": "--name",
    "detach": "--detach",
    "dry_run": "--dry-run",
}
"""Parameters that mean one run -> how they are spelt."""


@click.command()
@click.argument("target", metavar="[CASE[/RECIPE]|FILE.py]", required=False, shell_complete=complete_target)
@scale
@click.option(
    "--all",
    "recipe_of_all",
    metavar="RECIPE",
    help="That recipe of every case that has one, one after the other; a table and a page of them at the end.",
    shell_complete=complete_recipe,
)
@click.option("--name", help="Name of the run's folder.  [default: case, recipe and time]")
@click.option(
    "--resume",
    is_flag=False,
    flag_value="",
    default=None,
    metavar="[RUN]",
    help="Go on from the last complete checkpoint of RUN, or of the newest unfinished run of this recipe; with --all "
    "what has not passed yet.",
)
@click.option(
    "--max-restarts",
    type=click.IntRange(0),
    help="Restarts after a rank died.  [default: 1, or the cluster's]",
)
@click.option(
    "--hang-timeout",
    type=click.FloatRange(min=1),
    help="Seconds without a sign of life after which a rank hangs.  [default: 300, or the cluster's]",
)
@click.option(
    "--track",
    metavar="TRACKER|none",
    multiple=True,
    help="Send its numbers there, too: tensorboard, mlflow or wandb.  [default: tracking.to of seatrial.toml]",
)
@click.option("--dry-run", is_flag=True, help="Show its plan and what it costs, start nothing: as render does.")
@click.option("--detach", is_flag=True, help="Do not wait for the end: it goes on without this terminal.")
@runs_dir
@as_json
@click.pass_context
def command(
    ctx: click.Context,
    /,
    target: str | None,
    recipe_of_all: str | None,
    resume: str | None,
    dry_run: bool,
    detach: bool,
    as_json: bool,
    **asked: Any,
) -> None:
    """Start a recipe and watch it; say whether it passed.

    TARGET is a case such as fsdp (its recipe is then tiny), a recipe such as fsdp/llama3.1-8b, or a Python file of
    your own that defines CASE. Ctrl-C writes a checkpoint and stops, and so does a terminal that is closed; on a
    cluster it only stops watching. --all tiny runs the recipe tiny of every case.
    """
    from seatrial.cli.running import Request

    request = Request(**asked)
    if recipe_of_all is not None:
        from seatrial.cli.run_all import run_all

        _refuse_what_is_of_one(ctx)
        sys.exit(run_all(recipe_of_all, request, resume, quiet=as_json))
    if target is None:
        remedy = "seatrial run fsdp; seatrial list shows what there is, and --all tiny runs every case"
        raise UserError(Problem("nothing is named that could run", "CASE[/RECIPE]|FILE.py", remedy))
    if dry_run:
        _show(target, request, resume, as_json=as_json)
    else:
        run_one(target, request, resume, detach=detach, as_json=as_json)


def _refuse_what_is_of_one(ctx: click.Context) -> None:
    given = [how for name, how in OF_ONE.items() if ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE]
    if given:
        remedy = "leave it out, or name one case instead of --all"
        raise UserError(Problem("means one run, and --all is many", how, remedy) for how in given)


def _show(target: str, request: Request, resume: str | None, *, as_json: bool) -> None:
    """What a run would be, after all that could be in its way was looked at."""
    from seatrial.cli import rendering, running

    ready = running.prepare(request, target, resume)
    name = request.name or ready.job.label.replace("/", "-")
    rendering.show(ready.job, ready.where, name, ready.job.expected, priced=True, as_json=as_json)


def run_one(
    target: str, request: Request, resume: str | None = None, *, detach: bool = False, as_json: bool = False
) -> None:
    """Start one run, watch it, and exit with what came of it."""
    from seatrial.cli import running
    from seatrial.cli.background import in_background
    from seatrial.interrupts import held_back

    ready = running.prepare(request, target, resume)
    say_notes(ready.job)
    if ready.launcher.hands_over:
        plan, runs = running.begin(ready, request.history, request.name)
        if not (detach or len(runs) > 1):
            _see_to_its_end(plan, runs[0], ready.where, target, as_json=as_json)
        _say_submitted(runs, as_json=as_json)
        return
    running.make_environment(ready.job, quiet=as_json)
    with held_back():
        plan, [run] = running.begin(ready, request.history, request.name)
        if detach and in_background(run):
            _say_submitted([run], as_json=as_json)
        else:
            _see_to_its_end(plan, run, ready.where, target, as_json=as_json and not detach)


def _see_to_its_end(plan: Plan, run: Run, where: Cluster, target: str, *, as_json: bool) -> None:
    """Watch a run to its end, say what came of it, and exit with that."""
    from seatrial.cli.outcome import say
    from seatrial.cli.running import follow

    ended = follow(plan, run, where, quiet=as_json)
    if ended is None:
        _say_submitted([run], as_json=as_json)
        sys.exit(ExitCode.UNKNOWN)
    say(run, ended.findings, target, as_json=as_json)
    sys.exit(ended.code)


def _say_submitted(runs: list[Run], *, as_json: bool) -> None:
    from seatrial import tracked

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
    name, words = runs[0].id, [("status",), ("logs", "-f"), ("cancel",)]
    if runs[0].submission() is not None and tracked.of(runs[0]):  # nobody here sends it
        words.append(("track", "-f"))
    click.echo("    ".join(pasteable(*verb, name) for verb in words))
