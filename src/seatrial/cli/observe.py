"""seatrial observe: a group whose verbs are imported when they are used."""

from __future__ import annotations

import click

from seatrial.cli.verbs import Verbs

COMMANDS = {
    "export": "Serve metrics of runs, EFA, Slurm and health to Prometheus.",
}


@click.command(cls=Verbs, modules="seatrial.cli.observe_", titles=COMMANDS)
def command() -> None:
    """Metrics of runs, nodes and clusters, for those who look at Grafana."""
