"""seatrial arch list"""

from __future__ import annotations

import click

from seatrial.cli.options import as_json, print_json
from seatrial.cli.tables import print_table


@click.command()
@as_json
def command(as_json: bool) -> None:
    """What can be deployed, and the deployments of seatrial.toml. Nothing is asked of AWS."""
    from seatrial import architectures
    from seatrial.config.deployments import deployments

    every = [architectures.find(name) for name in architectures.names()]
    of_kind = {one.name: [name for name, kind in deployments().items() if kind == one.name] for one in every}
    if as_json:
        rows = [{"architecture": one.name, "title": one.title.rstrip("."), "needs": dict(one.needs)} for one in every]
        print_json([{**row, "deployments": of_kind[str(row["architecture"])]} for row in rows])
        return
    texts = [
        (one.name, one.title.rstrip("."), *map(", ".join, (one.needs.values(), of_kind[one.name]))) for one in every
    ]
    header = ("ARCHITECTURE", "TITLE", "USES", "IN SEATRIAL.TOML")
    print_table(header, [[cell or "-" for cell in row] for row in texts])
