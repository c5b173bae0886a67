"""seatrial cancel"""

from __future__ import annotations

import click

from seatrial import flow
from seatrial.cli.options import as_json, find_run, print_json, run_argument, runs_dir, warn_unseen
from seatrial.errors import Problem, UserError
from seatrial.history import History


@click.command()
@run_argument
@runs_dir
@as_json
def command(name: str, history: History, as_json: bool) -> None:
    """Ask a run to write a checkpoint and stop, and wait until it has."""
    run = find_run(history, name)
    if not run.state().live:
        raise UserError(Problem(f"{run.id} is not running: it is {run.state()}"))
    flow.cancel(run, warn_unseen)
    if as_json:
        print_json({"run": run.id, "state": run.state()})
    else:
        click.echo(f"{run.id}: {run.state()}")
