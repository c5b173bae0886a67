"""seatrial arch status"""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from seatrial.cli.arch_options import deployment_argument, deployment_settings, find
from seatrial.cli.options import as_json, print_json
from seatrial.cli.tables import print_table
from seatrial.errors import ExitCode

if TYPE_CHECKING:
    from seatrial.deploying import Standing

MOST = 3
"""Resources that are named of those of which nothing can be told."""
COLORS = {"complete": "green", "failed": "red", "foreign": "red", "in-progress": "yellow"}


@click.command()
@deployment_argument
@deployment_settings
@click.option("--drift", is_flag=True, help="Also what was changed by hand, which takes CloudFormation up to minutes.")
@as_json
def command(name: str, settings: tuple[str, ...], drift: bool, as_json: bool) -> None:
    """How the stacks of a deployment and of what it needs stand. Exit code 1: one failed, drifted, or is not ours;
    3: whether it drifted cannot be told."""
    from seatrial import deploying

    standings = deploying.status(find(name, settings), drift=drift)
    if as_json:
        print_json([asdict(standing) for standing in standings])
    else:
        _print(standings)
    sys.exit(max(map(_code, standings)))


def _code(standing: Standing) -> int:
    drift = standing.drift.state if standing.drift else "IN_SYNC"
    if standing.state in ("failed", "foreign") or drift == "DRIFTED":
        return ExitCode.FAILED
    return ExitCode.UNKNOWN if drift == "UNKNOWN" else ExitCode.PASSED


def _print(standings: list[Standing]) -> None:
    rows = [
        (
            one.deployment,
            one.state,
            one.status or "-",
            f"{one.changed.astimezone():%Y-%m-%d %H:%M}" if one.changed else "-",
            "yes" if one.protected else "-",
            one.drift.state if one.drift else "-",
        )
        for one in standings
    ]
    print_table(("DEPLOYMENT", "STATE", "STATUS", "CHANGED", "PROTECTED", "DRIFT"), rows)
    for one in standings:
        if one.reason:
            click.echo(f"{click.style(one.deployment, fg=COLORS.get(one.state))}: {one.reason}")
        resources = one.drift.resources if one.drift else ()
        for found in (found for found in resources if found.state != "UNKNOWN"):
            click.echo(
                f"{one.deployment}: {found.logical_id} ({found.type}) {found.state} {', '.join(found.properties)}"
            )
        if untold := [found.logical_id for found in resources if found.state == "UNKNOWN"]:
            more = f" and {len(untold) - MOST} more" if len(untold) > MOST else ""
            click.echo(f"{one.deployment}: CloudFormation cannot tell of {', '.join(untold[:MOST])}{more}")
        if one.drift and one.drift.reason:
            click.echo(f"{one.deployment}: {one.drift.reason}")
