"""seatrial observe down"""

from __future__ import annotations

from pathlib import Path

import click

from seatrial.cli.observe_options import on, state_dir, this_machine


@click.command()
@on
@state_dir
def command(cluster: str, where: Path) -> None:
    """Stop what `seatrial observe up` has started. What was recorded stays."""
    from seatrial.observe.stack import running

    this_machine(cluster, "down")
    click.echo("stopped" if running.down(where) else "it was not up")
