"""seatrial forecast calibrate"""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from seatrial.cli.completing import complete_cluster, complete_instance, complete_run
from seatrial.cli.options import as_json, print_json, runs_dir, settings_option
from seatrial.cli.tables import print_table
from seatrial.errors import ExitCode, Problem, UserError, unknown
from seatrial.extras import needed

if TYPE_CHECKING:
    from seatrial.cli.calibration import Measured
    from seatrial.cli.rates import Kept
    from seatrial.history import History
    from seatrial.runs import Run


@click.command()
@click.argument("names", metavar="RUN...", nargs=-1, shell_complete=complete_run)
@click.option("--microbench", is_flag=True, help="Measure the parts of a step first: a run of the case rates.")
@click.option(
    "--on", "cluster", metavar="CLUSTER", help="Where to measure.  [default: local]", shell_complete=complete_cluster
)
@click.option("--nodes", type=click.IntRange(1), help="Of the ranks that measure.  [default: 1]")
@click.option("--processes", type=click.IntRange(1), help="Per node: as many as will train.  [default: 2 on CPUs]")
@settings_option("Change an argument of the case rates.")
@click.option(
    "--instance", metavar="TYPE", help="Of its nodes, where the run does not say.", shell_complete=complete_instance
)
@click.option("--forget", is_flag=True, help="Leave these runs out again; without one, all of them.")
@runs_dir
@as_json
def command(
    names: tuple[str, ...], microbench: bool, cluster: str | None, nodes: int | None, processes: int | None,
    settings: tuple[str, ...], instance: str | None, forget: bool, history: History, as_json: bool,
) -> None:  # fmt: skip
    """Let forecasts rest on your own runs as well. Take those of good nodes: a forecast takes them for what can be.

    Runs of a training count as measurements of such jobs. Runs of the case rates hold what the parts of a step take on
    CPUs; --microbench starts one. Without a run it lists what there is.
    """
    from seatrial.cli import calibration, rates

    _check(names, microbench=microbench, forget=forget, only={
        "--on": cluster, "--nodes": nodes, "--processes": processes, "--set": settings or None,
    })  # fmt: skip
    with needed("numpy", "forecast"):
        import numpy  # noqa: F401 # said here, once, if it is missing
    if forget:
        _forget(names)
    elif names or microbench:
        runs = [history.find(name) for name in names]
        if microbench:
            runs = [_measure(history, cluster, nodes, processes, settings, quiet=as_json)]
        _keep(runs, instance)
    if as_json:
        print_json([*map(asdict, calibration.read()), *map(asdict, rates.read())])
    else:
        _show(calibration.read(), rates.read())


def _check(names: tuple[str, ...], *, microbench: bool, forget: bool, only: dict[str, object]) -> None:
    problems = [
        Problem("is for --microbench", name, "add --microbench, or leave it out")
        for name, value in only.items()
        if value is not None and not microbench
    ]
    if microbench and (names or forget):
        problems.append(Problem("makes a run of its own", "--microbench", "leave RUN and --forget out"))
    if problems:
        raise UserError(problems)


def _forget(names: tuple[str, ...]) -> None:
    """All, where none is named. Raises UserError for a run that forecasts do not rest on."""
    from seatrial.cli import calibration, rates

    kept = {one.run for one in calibration.read()} | {one.run for one in rates.read()}
    if wrong := [name for name in names if name not in kept]:
        raise UserError(unknown("run that forecasts rest on", name, kept, "--forget") for name in wrong)
    if kept:
        calibration.forget(names or kept)
        rates.forget(names or kept)


def _measure(
    history: History, cluster: str | None, nodes: int | None, processes: int | None, settings: tuple[str, ...], *,
    quiet: bool,
) -> Run:  # fmt: skip
    """A run of the case `rates`, to its end. Raises UserError if it has none."""
    from seatrial.cli import rates, running
    from seatrial.cli.running import Request

    request = Request(history=history, cluster=cluster, nodes=nodes, processes=processes, settings=settings)
    ready = running.prepare(request, f"{rates.CASE}/whole")
    running.make_environment(ready.job, quiet=quiet)
    plan, runs = running.begin(ready, history, None)
    ended = running.follow(plan, runs[0], ready.where, quiet=quiet)
    if ended is None or ended.code != ExitCode.PASSED:
        remedy = "measure once more"
        if ended is None:  # it goes on where it was handed to
            remedy = f"seatrial forecast calibrate {runs[0].id} once it has ended well"
        raise UserError(Problem("did not come to its end", runs[0].id, remedy))
    return runs[0]


def _keep(runs: list[Run], instance: str | None) -> None:
    """All of them, or none."""
    from seatrial.cli import calibration, rates

    parts, whole = [one for one in runs if one.job.case == rates.CASE], []
    problems: list[Problem] = []
    kept: list[Kept] = []
    for run in parts:
        try:
            kept.append(rates.of_run(run))
        except UserError as error:
            problems += error.problems
    whole = _measured([one for one in runs if one.job.case != rates.CASE], instance, problems)
    if problems:
        raise UserError(problems)
    if whole:
        calibration.add(whole)
    if kept:
        rates.add(kept)


def _measured(runs: list[Run], instance: str | None, problems: list[Problem]) -> list[Measured]:
    """What can be used; what keeps others from it is added to `problems`."""
    found: list[Measured] = []
    for run in runs:
        try:
            found.append(_of(run, instance))
        except UserError as error:
            problems += error.problems
    return found


def _of(run: Run, instance: str | None) -> Measured:
    """What a run reached. Raises UserError if it cannot be used."""
    from seatrial.attempts import Attempts
    from seatrial.cli.calibration import Measured, anchor_of

    job, log, submission = run.job, run.events(), run.submission()
    kind = instance or (submission.cluster.get("instance_type") if submission else None)
    if job.device == "cpu":
        remedy = "seatrial forecast calibrate --microbench measures the parts of a step there"
        raise UserError(Problem("ran on CPUs, where whole runs are no measurements", run.id, remedy))
    if kind is None:
        raise UserError(
            Problem("is of no accelerators that are known", run.id, "--instance TYPE says what its nodes are")
        )
    attempts = Attempts(log.events, job.flops_per_token)
    rate = attempts.steady().throughput
    if rate is None:
        raise UserError(Problem("has no steady steps", run.id, "take a run of more steps"))
    if any(share > 1 for share in attempts.mfu().values()):
        raise UserError(Problem("is faster than its hardware can be", run.id, "its figures are wrong: see its report"))
    from seatrial.hardware.instances import instance as instance_of

    ranks = instance_of(kind)
    one = Measured(
        run=run.id,
        date=datetime.fromtimestamp(attempts.all[-1].end, UTC).date().isoformat(),
        case=job.case,
        recipe=job.recipe,
        args=job.args,
        nodes=job.nodes,
        processes_per_node=job.processes_per_node,
        instance_type=kind,
        tokens_per_second=rate / (job.world_size * ranks.accelerators / ranks.ranks),
    )
    if anchor_of(one) is None:
        raise UserError(Problem("is of no job that can be forecast", run.id, "seatrial forecast says why"))
    return one


def _show(kept: list[Measured], parts: list[Kept]) -> None:
    if not kept and not parts:
        click.echo("no run of your own: forecasts rest on published measurements")
    if kept:
        rows = []
        for one in kept:
            nodes, rate = f"{one.nodes} x {one.instance_type}", f"{one.tokens_per_second:,.0f}"
            rows.append((one.run, f"{one.case}/{one.recipe}", nodes, rate, one.date))
        print_table(("RUN", "JOB", "NODES", "TOKENS/S PER ACCELERATOR", "DATE"), rows)
    if parts:
        headers = ("RUN", "PARTS OF A STEP ON", "CLUSTER", "RANKS", "THREADS", "DTYPE", "DATE")
        print_table(
            headers,
            [
                (one.run, one.device, one.cluster, f"{one.nodes} x {one.processes_per_node}", str(one.threads),
                 one.dtype, one.date)
                for one in parts
            ],
        )  # fmt: skip
