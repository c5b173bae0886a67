"""seatrial arch params"""

from __future__ import annotations

import click

from seatrial.cli.arch_options import deployment_argument
from seatrial.cli.options import as_json, print_json
from seatrial.cli.tables import print_table


@click.command()
@deployment_argument
@as_json
def command(name: str, as_json: bool) -> None:
    """The parameters of an architecture, each with its default and its meaning."""
    from seatrial import architectures
    from seatrial.config.deployments import deployments
    from seatrial.config.describe import keys

    found = architectures.find(deployments().get(name, name))
    rows = [
        {"key": k.name, "type": k.type.replace("`", ""), "default": k.default or None, "meaning": k.meaning}
        for k in keys(found.Params)
    ]
    if as_json:
        print_json(rows)
        return
    cells = [(r["key"], r["type"], r["default"] or "-", r["meaning"]) for r in rows]
    print_table(("KEY", "TYPE", "DEFAULT", "MEANING"), [[str(cell) for cell in row] for row in cells], ("TYPE",))
