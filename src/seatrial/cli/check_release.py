"""seatrial check release"""

from __future__ import annotations

import click

from seatrial.cli.completing import complete_cluster
from seatrial.cli.options import as_json, print_json


@click.command()
@click.argument("nodes", nargs=-1, required=True, metavar="NODE...")
@click.option("--on", "cluster", required=True, metavar="CLUSTER", shell_complete=complete_cluster)
@as_json
def command(nodes: tuple[str, ...], cluster: str, as_json: bool) -> None:
    """Let jobs onto nodes again that a check has quarantined: your word instead of a passing check.

    What somebody else has drained, or all nodes if one of them was not quarantined by a check, is left as it is.
    """
    from seatrial import config, guarding

    marks = guarding.release(nodes, config.cluster(cluster))
    if as_json:
        print_json([{"node": node, "was": str(mark)} for node, mark in marks.items()])
    else:
        for node, mark in marks.items():
            click.echo(f"{node}: released; it was kept away by {mark}")
