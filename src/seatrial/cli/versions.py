"""seatrial versions: a group whose verbs are imported when they are used."""

from __future__ import annotations

import click

from seatrial.cli.verbs import Verbs

COMMANDS = {
    "show": "The versions that images, nodes and clusters get, and the stacks that are made of them.",
    "check": "Whether the versions of a stack go together, and with an instance type.",
    "outdated": "What is newer, as those say today who publish it.",
}


@click.command(cls=Verbs, modules="seatrial.cli.versions_", titles=COMMANDS)
def command() -> None:
    """Versions: every one that is chosen, who says that it exists, what goes together, and what is newer."""
