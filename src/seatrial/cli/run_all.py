"""seatrial run --all: one recipe of every case, one after the other, and a table and a page of what came of them."""

from __future__ import annotations

import time
from dataclasses import replace

import click

from seatrial import environments, interrupts, launchers, versions
from seatrial.cli import outcome, running, suite
from seatrial.cli.listing import listing
from seatrial.cli.options import pasteable, say_notes
from seatrial.cli.running import Ended, Ready, Request
from seatrial.cli.suite import Suite, row_of
from seatrial.cluster import Cluster
from seatrial.errors import ExitCode, Problem, UserError, unknown
from seatrial.plan import Plan
from seatrial.report.suite import CANNOT_RUN, LEFT_OUT, Row
from seatrial.runs import Run, State

PURPOSES = ("training", "preparation")
"""Of the cases that belong to a suite. A check's verdict is about this machine, not about Seatrial's cases."""


def run_all(recipe: str, request: Request, resume: str | None, *, quiet: bool) -> int:
    """Run it to its end, or to Ctrl-C. Returns an ExitCode."""
    began, jobs = time.monotonic(), _jobs(recipe)
    found = suite.make(recipe, [*jobs], request, resume, quiet=quiet)
    with interrupts.raised():
        try:
            stopped = _run_each(found, jobs)
        except KeyboardInterrupt:  # before a run has begun
            stopped = True
    with interrupts.held_back():
        found.keep_page()
        code = found.exit_code(stopped=stopped)
        suite.say(found, code, time.monotonic() - began)
    return code


def _jobs(recipe: str) -> dict[str, str | None]:
    """The job of each case that has the recipe; of a broken case, of which nobody knows, why it is. Raises UserError if
    no case has it."""
    cases = [case for case in listing() if case["purpose"] in (None, *PURPOSES)]
    known = {found["name"] for case in cases for found in case["recipes"]}
    if recipe not in known:
        raise UserError(unknown("recipe of any case", recipe, known, "--all"))
    having = (case for case in cases if case["broken"] or recipe in [found["name"] for found in case["recipes"]])
    return {f"{case['case']}/{recipe}": case["broken"] for case in having}


def _run_each(found: Suite, jobs: dict[str, str | None]) -> bool:
    """One after the other. Returns whether the user wanted no more."""
    for number, (job, broken) in enumerate(jobs.items(), 1):
        found.say(click.style(f"{number} of {len(jobs)}: {job}", bold=True))
        try:
            found.rows[job], stopped = _run(found, job, broken)
        except UserError as error:
            why = "; ".join(map(_in_a_line, error.problems))
            found.say(f"{CANNOT_RUN}: {why}")
            found.rows[job], stopped = Row(job=job, state=CANNOT_RUN, why=why), False
        found.keep_page()
        if stopped:
            return True
    return False


def _run(found: Suite, job: str, broken: str | None) -> tuple[Row, bool]:
    """See to one job: its row, and whether the user wants no more. Raises UserError where it cannot run."""
    if broken is not None:
        raise UserError(Problem(broken))
    earlier = found.earlier.get(job)
    if earlier is not None and earlier.state().live:
        return _watch_again(found, earlier)
    if found.rows[job].passed:
        found.say("passed before")
        return found.rows[job], False
    ready = running.prepare(found.request, job, earlier.id if earlier is not None and _goes_on(earlier) else None)
    why = _left_out(ready)
    if why is not None:
        found.say(f"{LEFT_OUT}: {why}")
        return Row(job=job, state=LEFT_OUT, why=why), False
    if not found.quiet:
        say_notes(ready.job)
    if ready.launcher.hands_over:
        return _follow(found, *_begin(found, ready), ready.where)
    running.make_environment(ready.job, quiet=found.quiet)
    with interrupts.held_back() as asked:
        row, _ = _follow(found, *_begin(found, ready), ready.where)
        return row, row.state == State.STOPPED or bool(asked)


def _in_a_line(problem: Problem) -> str:
    where, remedy = problem.where and f"{problem.where}: ", problem.remedy and f" ({problem.remedy})"
    return " ".join(f"{where}{problem.what}{remedy}".split())


def _goes_on(run: Run) -> bool:
    """Whether it is resumed. What failed, or did not pass, is run anew."""
    return run.job.resumable and run.state() in (State.STOPPED, State.LOST)


def _left_out(ready: Ready) -> str | None:
    """Why it is not run unasked: on a cluster, too, what is made on request is only where somebody says that it is."""
    if not ready.launcher.hands_over:
        return environments.left_out(ready.job)
    name = ready.job.environment or ""
    if name not in versions.ON_REQUEST or name in ready.where.software:
        return None
    table = f"[clusters.{ready.where.name}.software.{name}]"
    return f"needs the environment {name} ({versions.ON_REQUEST[name]}): say where it is in {table}"


def _begin(found: Suite, ready: Ready) -> tuple[Plan, Run]:
    plan, [run] = running.begin(ready, found.request.history, None)
    found.take(run)
    return plan, run


def _watch_again(found: Suite, run: Run) -> tuple[Row, bool]:
    """What its engine still has since the suite was left."""
    submission = run.submission()
    if submission is None:
        raise UserError(Problem(f"{run.id} is {run.state()}", remedy=pasteable("cancel", run.id)))
    return _follow(found, Plan(), run, launchers.restore(submission.cluster))


def _follow(found: Suite, plan: Plan, run: Run, where: Cluster) -> tuple[Row, bool]:
    """Its row at its end, and whether the user left before."""
    try:
        ended = running.follow(plan, run, where, quiet=found.quiet)
    except UserError as error:  # its engine is silent
        found.say(str(error))
        return replace(row_of(run), why=error.problems[0].what), False
    if ended is not None and not found.quiet:
        _say_run(run, ended)
    return row_of(run), ended is None


def _say_run(run: Run, ended: Ended) -> None:
    """What passed in a line, what did not with the reasons."""
    if ended.code != ExitCode.PASSED:
        outcome.say_findings(ended.findings)
    outcome.say_verdict(run, ended.findings)
    if run.state() is State.FAILED:
        click.echo(f"logs    {pasteable('logs', run.id)}")
        outcome.say_reason(run)
