"""seatrial arch delete"""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from seatrial.cli.arch_deploying import confirmed, teller
from seatrial.cli.arch_options import deployment_argument, deployment_settings, find
from seatrial.cli.options import as_json, print_json
from seatrial.errors import ExitCode, Problem, UserError

if TYPE_CHECKING:
    from seatrial.deploying import Loss


@click.command()
@deployment_argument
@deployment_settings
@click.option("--all", "everything", is_flag=True, help="Also what it needs, in reverse order.")
@click.option("--unprotect", is_flag=True, help="Also stacks that are protected, since they hold data.")
@click.option("--yes", is_flag=True, help="Ask nothing.")
@as_json
def command(name: str, settings: tuple[str, ...], everything: bool, unprotect: bool, yes: bool, as_json: bool) -> None:
    """Remove the stack of a deployment. Says before what is lost and what is kept; empties nothing."""
    from seatrial import deploying

    deployment = find(name, settings)
    losses = deploying.losses(deployment, everything=everything)
    if not as_json:
        for loss in losses:
            _print(loss)
    if losses and not yes:
        if as_json or not sys.stdin.isatty():
            raise UserError(Problem("nobody is there to agree to the deletion", name, "add --yes"))
        if not confirmed("Delete?", default=False):
            click.echo("nothing was deleted")
            sys.exit(ExitCode.INTERRUPTED)
    deploying.delete(deployment, teller(quiet=as_json), everything=everything, unprotect=unprotect)
    if as_json:
        print_json([asdict(loss) for loss in losses])
    else:
        click.echo(f"deleted {', '.join(loss.stack for loss in losses)}" if losses else "there was nothing to delete")


def _print(loss: Loss) -> None:
    click.echo(click.style(f"{loss.stack} would be deleted", bold=True))
    for part in loss.lost:
        mark = click.style("lost", fg="red" if part.holds_data else None)
        left = ", a snapshot is left" if part.policy == "Snapshot" else ""
        click.echo(f"  {mark}  {part.logical_id} ({part.type}) {part.physical_id}{left}")
    for part in loss.kept:
        click.echo(f"  {click.style('kept', fg='green')}  {part.logical_id} ({part.type}) {part.physical_id}")
    if loss.kept:
        click.echo("  what is kept goes on to cost, until it is deleted by hand")
