"""seatrial forecast calibrate"""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from seatrial.cli.completing import complete_instance, complete_run
from seatrial.cli.options import as_json, print_json, runs_dir
from seatrial.cli.tables import print_table
from seatrial.errors import Problem, UserError
from seatrial.extras import needed

if TYPE_CHECKING:
    from seatrial.cli.calibration import Measured
    from seatrial.runs import History, Run


@click.command()
@click.argument("names", metavar="RUN...", nargs=-1, shell_complete=complete_run)
@click.option(
    "--instance", metavar="TYPE", help="Of its nodes, where the run does not say.", shell_complete=complete_instance
)
@click.option("--forget", is_flag=True, help="Leave these runs out again; without one, all of them.")
@runs_dir
@as_json
def command(names: tuple[str, ...], instance: str | None, forget: bool, history: History, as_json: bool) -> None:
    """Let forecasts rest on your own runs as well. Take those of good nodes: a forecast takes them for what can be.

    Without a run it lists what there is.
    """
    from seatrial.cli import calibration

    kept = calibration.read()
    if forget:
        calibration.write([one for one in kept if names and one.run not in names])
    elif names:
        with needed("numpy", "forecast"):
            import numpy  # noqa: F401 # said here, once, if it is missing
        added = _measured([history.find(name) for name in names], instance)
        new = {one.run for one in added}
        calibration.write([*(one for one in kept if one.run not in new), *added])
    kept = calibration.read()
    if as_json:
        print_json([asdict(one) for one in kept])
    else:
        _show(kept)


def _measured(runs: list[Run], instance: str | None) -> list[Measured]:
    found: list[Measured] = []
    problems: list[Problem] = []
    for run in runs:
        try:
            found.append(_of(run, instance))
        except UserError as error:
            problems += error.problems
    if problems:
        raise UserError(problems)
    return found


def _of(run: Run, instance: str | None) -> Measured:
    """What a run reached. Raises UserError if it cannot be used."""
    from seatrial.attempts import Attempts
    from seatrial.cli.calibration import Measured, anchor_of

    job, log, submission = run.job, run.events(), run.submission()
    kind = instance or (submission.cluster.get("instance_type") if submission else None)
    if job.device == "cpu" or kind is None:
        raise UserError(
            Problem("is of no accelerators that are known", run.id, "--instance TYPE says what its nodes are")
        )
    attempts = Attempts(log.events, job.flops_per_token)
    rate = attempts.steady().throughput
    if rate is None:
        raise UserError(Problem("has no steady steps", run.id, "take a run of more steps"))
    if any(share > 1 for share in attempts.mfu().values()):
        raise UserError(Problem("is faster than its hardware can be", run.id, "its figures are wrong: see its report"))
    from seatrial.hardware import instance as instance_of

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


def _show(kept: list[Measured]) -> None:
    if not kept:
        click.echo("no run of your own: forecasts rest on published measurements")
        return
    rows = []
    for one in kept:
        nodes, rate = f"{one.nodes} x {one.instance_type}", f"{one.tokens_per_second:,.0f}"
        rows.append((one.run, f"{one.case}/{one.recipe}", nodes, rate, one.date))
    print_table(("RUN", "JOB", "NODES", "TOKENS/S PER ACCELERATOR", "DATE"), rows)
