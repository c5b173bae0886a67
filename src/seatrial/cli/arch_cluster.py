"""seatrial arch cluster"""

from __future__ import annotations

import click

from seatrial.cli.arch_deploying import hand_over
from seatrial.cli.arch_options import deployment_argument, deployment_settings, find
from seatrial.cli.options import as_json, print_json
from seatrial.errors import Problem, UserError


@click.command()
@deployment_argument
@deployment_settings
@click.option("--replace", is_flag=True, help="Write a table anew that says something else.")
@as_json
def command(name: str, settings: tuple[str, ...], replace: bool, as_json: bool) -> None:
    """Its clusters, written into seatrial.toml: comments and all else in the file stay as they are."""
    deployment = find(name, settings)
    states = hand_over([deployment], replace=replace, quiet=as_json)
    if not states:
        what = f"an architecture {deployment.architecture.name} yields no cluster"
        raise UserError(Problem(what, name, "name a deployment that does, such as one of parallelcluster"))
    if as_json:
        print_json(states)
