"""seatrial arch diff"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from seatrial.cli.arch_deploying import print_change
from seatrial.cli.arch_options import deployment_argument, deployment_settings, find
from seatrial.cli.options import as_json, print_json


@click.command()
@deployment_argument
@deployment_settings
@click.option(
    "--against",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A template that was rendered before, instead of what is deployed: no credentials are needed.",
)
@as_json
def command(name: str, settings: tuple[str, ...], against: Path | None, as_json: bool) -> None:
    """What a deployment would change, and what it would replace: by a change set, which is not executed."""
    from seatrial import deploying
    from seatrial.deploying import Change

    deployment = find(name, settings)
    if against:
        wanted = deployment.template()
        rows = deploying.compare(against.read_text(encoding="utf-8"), wanted)
        change = Change(
            deployment=deployment.name, stack=deployment.stack, new=False, anything=bool(rows), rows=tuple(rows)
        )
    else:
        change = deploying.changes(deployment)
    if as_json:
        print_json(asdict(change))
    else:
        print_change(change)
