"""seatrial forecast: a group whose verbs are imported when they are used."""

from __future__ import annotations

import click

from seatrial.cli.verbs import Verbs

COMMANDS = {
    "simulate": "A long run of many accelerators, with all that interrupts it: what is left of the time.",
}


@click.command(cls=Verbs, modules="seatrial.cli.forecast_", titles=COMMANDS)
def command() -> None:
    """What a run will need and give, before it starts."""
