"""seatrial observe: a group whose verbs are imported when they are used."""

from __future__ import annotations

import click

from seatrial.cli.verbs import Verbs

COMMANDS = {
    "export": "Serve metrics of runs, EFA, Slurm and health to Prometheus.",
    "dashboards": "Dashboards for Grafana: list, print or write them.",
    "check": "Whether dashboards and rule files name only what somebody emits.",
}


@click.command(cls=Verbs, modules="seatrial.cli.observe_", titles=COMMANDS)
def command() -> None:
    """Metrics of runs, nodes and clusters, for those who look at Grafana."""
