"""seatrial observe status"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from seatrial.cli.observe_options import on, state_dir, this_machine
from seatrial.cli.options import as_json, print_json
from seatrial.errors import ExitCode


@click.command()
@on
@state_dir
@as_json
@click.pass_context
def command(ctx: click.Context, cluster: str, where: Path, as_json: bool) -> None:
    """What of `seatrial observe up` is up, and where. Ends with 1 if something is not."""
    from seatrial.observe.stack import running

    this_machine(cluster, "status")
    standings = running.status(where)
    if as_json:
        print_json({"folder": str(where), "programs": [asdict(one) for one in standings]})
    else:
        for one in standings:
            click.echo("  ".join(filter(None, (f"{one.name:14}", f"{one.state:8}", one.url, one.detail))))
        if not standings:
            click.echo(f"nothing was started in {where}: seatrial observe up", err=True)
    if not standings or any(one.state != "up" for one in standings):
        ctx.exit(ExitCode.FAILED)
