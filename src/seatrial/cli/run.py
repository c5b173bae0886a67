"""seatrial run"""

from __future__ import annotations

import shlex
import signal
import sys
from types import ModuleType
from typing import Any

import click

from seatrial import catalog, config, environments
from seatrial.cli.options import (
    as_json,
    parse_settings,
    print_json,
    runs_dir,
    scale,
    secrets_at_hand,
    target_argument,
)
from seatrial.errors import Problem, UserError
from seatrial.events import RunStart
from seatrial.findings import Finding, Verdict, overall
from seatrial.plan import Plan
from seatrial.runs import History, Run, State
from seatrial.spec import Case, ExitCode, Recipe, bind

LAST_WORDS = 15
"""Lines of a dead rank's log that are shown."""


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
    "--max-restarts", type=click.IntRange(0), default=1, show_default=True, help="Restarts after a rank died."
)
@click.option(
    "--hang-timeout",
    type=click.FloatRange(min=1),
    default=300.0,
    show_default=True,
    help="Seconds without a sign of life after which a rank hangs.",
)
@runs_dir
@as_json
def command(
    target: str,
    cluster: str,
    settings: tuple[str, ...],
    nodes: int | None,
    processes: int | None,
    name: str | None,
    resume: str | None,
    max_restarts: int,
    hang_timeout: float,
    history: History,
    as_json: bool,
) -> None:
    """Start a recipe and watch it; say whether it passed.

    TARGET is a case such as fsdp (its recipe is then tiny), a recipe such as fsdp/llama3.1-8b, or a Python file of
    your own that defines CASE. Ctrl-C writes a checkpoint and stops.
    """
    case, recipe = catalog.recipe(target)
    where = config.cluster(cluster)
    stored = _run_to_resume(history, case, recipe, resume) if resume is not None else None
    overrides = parse_settings(settings)
    if stored is not None and processes is None and nodes is None:
        nodes, processes = stored.job.nodes, stored.job.processes_per_node
    job = bind(
        case,
        recipe,
        where,
        settings=_stored_settings(stored, overrides) if stored else overrides,
        nodes=nodes,
        processes_per_node=processes,
        secrets=secrets_at_hand(),
    )
    launcher = catalog.launcher(where.launcher)
    plan = launcher.render(job)
    problems = [*environments.missing(job), *case.preflight(case.Args(**job.args))]
    problems += history.check_name(name) if name is not None and stored is None else []
    if problems:
        raise UserError(problems)
    run = stored or history.create(job, name)
    if stored is None:
        plan.write(run.path / "plan")
    else:
        run.save_job(job)
    code = _watch(launcher, plan, run, max_restarts, hang_timeout, quiet=as_json)
    findings = judge_and_report(run)
    _say(run, findings, code, target, as_json=as_json)
    sys.exit(code if code in (ExitCode.STOPPED, ExitCode.USAGE) else _exit_code(findings))


def _run_to_resume(history: History, case: Case, recipe: Recipe, name: str) -> Run:
    if name:
        run = history.find(name)
    else:
        mine = [r for r in history.runs if r.job.case == case.name and r.job.recipe == recipe.name]
        open_ = [r for r in mine if r.state() is not State.COMPLETED]
        if not open_:
            what = f"no unfinished run of {case.name}/{recipe.name} in {history.root}"
            raise UserError(Problem(what, "--resume", "leave it out to start a new one"))
        run = open_[-1]
    state = run.state()
    if (run.job.case, run.job.recipe) != (case.name, recipe.name):
        raise UserError(
            Problem(f"{run.id} is a run of {run.job.label}", "--resume", f"seatrial run {run.job.label} --resume")
        )
    if state is State.COMPLETED:
        raise UserError(Problem(f"{run.id} is completed", "--resume", "leave it out to start a new run"))
    if state in (State.RUNNING, State.STARTING):
        raise UserError(Problem(f"{run.id} is running", "--resume", f"seatrial logs -f {run.id}"))
    if not case.resumable:
        raise UserError(Problem(f"{case.name} cannot go on from a checkpoint", "--resume", "start a new run"))
    return run


def _stored_settings(run: Run, overrides: dict[str, str]) -> dict[str, Any]:
    """The run's own arguments. Raises UserError where the user asks for others now."""
    stored = run.job.args
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


def _watch(launcher: ModuleType, plan: Plan, run: Run, max_restarts: int, hang_timeout: float, *, quiet: bool) -> int:
    from seatrial.cli.progress import Progress

    with Progress(run, quiet=quiet) as progress:
        code: int = launcher.execute(
            plan,
            run,
            attempt=run.events().attempts(),
            max_restarts=max_restarts if run.job.resumable else 0,
            hang_seconds=hang_timeout,
            on_tick=progress.update,
        )
    return code


def judge_and_report(run: Run) -> list[Finding]:
    """Judge a run that is over and write its findings and its page."""
    from seatrial import report
    from seatrial.checks.run import judge

    # A second Ctrl-C, meant for the ranks, must not leave half a report.
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        findings = judge(run)
        run.save_findings(findings)
        report.write(run, findings)
    except OSError as error:
        remedy = f"free some space, then: seatrial report {shlex.quote(run.id)}"
        raise UserError(Problem(f"the report cannot be written: {error}", str(run.path), remedy)) from error
    finally:
        signal.signal(signal.SIGINT, before)
    return findings


def _say(run: Run, findings: list[Finding], code: int, target: str, *, as_json: bool) -> None:
    verdict = overall(findings)
    if as_json:
        start = run.events().last(RunStart)
        print_json(
            {
                "run": run.id,
                "path": str(run.path),
                "state": run.state(),
                "verdict": verdict,
                "findings": [{"check": f.check, "verdict": f.verdict, "observed": f.observed} for f in findings],
                "world_size": start.world_size if start else None,
                "report": str(run.report_path),
            }
        )
        return
    colors = {Verdict.PASS: "green", Verdict.WARN: "yellow", Verdict.FAIL: "red"}
    for finding in findings:
        mark = click.style(finding.verdict.ljust(7), fg=colors.get(finding.verdict))
        click.echo(f"{mark} {finding.check.ljust(20)} {finding.observed}")
    state = run.state()
    word = click.style(verdict, fg=colors.get(verdict), bold=True)
    fidelity = f"on CPU, fidelity {run.job.fidelity}" if run.job.device == "cpu" else run.job.device
    click.echo(f"\n{run.job.label} {state}: {word} ({fidelity})")
    click.echo(f"report  {run.report_path}")
    if code == ExitCode.STOPPED:
        click.echo(f"resume  seatrial run {shlex.quote(target)} --resume {shlex.quote(run.id)}")
    elif state is State.FAILED:
        click.echo(f"logs    seatrial logs {shlex.quote(run.id)}")
        _say_last_words(run, findings)


def _say_last_words(run: Run, findings: list[Finding]) -> None:
    """The end of the log of the rank that died last: usually the error itself."""
    logs = [finding.evidence for finding in findings if finding.evidence.startswith("logs/")]
    text = (run.path / logs[-1]).read_text(encoding="utf-8", errors="replace") if logs else ""
    lines = text.rstrip().splitlines()[-LAST_WORDS:]
    if lines:
        click.echo(f"\nThe end of {logs[-1]}:\n" + "\n".join(f"  {line}" for line in lines), err=True)


def _exit_code(findings: list[Finding]) -> int:
    codes = {Verdict.FAIL: ExitCode.FAILED, Verdict.UNKNOWN: ExitCode.UNKNOWN}
    return codes.get(overall(findings), ExitCode.PASSED)
