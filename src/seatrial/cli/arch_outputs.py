"""seatrial arch outputs"""

from __future__ import annotations

import click

from seatrial.cli.arch_options import deployment_argument, deployment_settings, find
from seatrial.cli.options import as_json, print_json
from seatrial.cli.tables import print_table


@click.command()
@deployment_argument
@deployment_settings
@as_json
def command(name: str, settings: tuple[str, ...], as_json: bool) -> None:
    """What the stack of a deployment exports."""
    from seatrial import deploying

    found = deploying.outputs(find(name, settings))
    if as_json:
        print_json(dict(found))
    else:
        print_table(("OUTPUT", "VALUE"), [*found.items()])
