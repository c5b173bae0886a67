"""seatrial cancel"""

from __future__ import annotations

import click

from seatrial import catalog
from seatrial.cli.options import as_json, print_json, run_argument, runs_dir
from seatrial.errors import Problem, UserError
from seatrial.runs import History


@click.command()
@run_argument
@runs_dir
@as_json
def command(name: str, history: History, as_json: bool) -> None:
    """Ask a run to write a checkpoint and stop, and wait until it has."""
    run = history.find(name)
    if not catalog.launcher(run.job.launcher).cancel(run):
        raise UserError(Problem(f"{run.id} is not running: it is {run.state()}"))
    if as_json:
        print_json({"run": run.id, "state": run.state()})
    else:
        click.echo(f"{run.id}: {run.state()}")
