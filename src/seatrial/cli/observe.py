"""seatrial observe: a group whose verbs are imported when they are used."""

from __future__ import annotations

import click

from seatrial.cli.verbs import Verbs

COMMANDS = {
    "export": "Serve metrics of runs, EFA, Slurm and health to Prometheus.",
    "render": "The dry run: what would look at this machine or a cluster, as files.",
    "up": "Start Prometheus, Alertmanager and exporters on this machine, in the background.",
    "status": "What of it is up, and where.",
    "down": "Stop it.",
    "targets": "The nodes of a Slurm cluster that there are now, for Prometheus to find.",
    "dashboards": "Dashboards for Grafana: list, print or write them.",
    "check": "Whether dashboards and rule files name only what somebody emits.",
}


@click.command(cls=Verbs, modules="seatrial.cli.observe_", titles=COMMANDS)
def command() -> None:
    """Metrics of runs, nodes and clusters, for those who look at Grafana."""
