"""seatrial observe down"""

from __future__ import annotations

from pathlib import Path

import click

from seatrial.cli.observe_options import on, state_dir, this_machine
from seatrial.cli.options import as_json, print_json


@click.command()
@on
@state_dir
@as_json
def command(cluster: str, where: Path, as_json: bool) -> None:
    """Stop what `seatrial observe up` has started. What was recorded stays."""
    from seatrial.observe.stack import running

    this_machine(cluster, "down")
    stopped = running.down(where)
    if as_json:
        print_json({"folder": str(where), "stopped": stopped})
    else:
        click.echo("stopped" if stopped else "it was not up")
