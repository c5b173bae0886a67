"""seatrial profile: a group whose verbs are imported when they are used."""

from __future__ import annotations

import click

from seatrial.cli.verbs import Verbs

COMMANDS = {
    "show": "Where the time of its steps goes, and what to do about it.",
    "compare": "Two profiles side by side.",
}


@click.command(cls=Verbs, modules="seatrial.cli.profile_", titles=COMMANDS)
def command() -> None:
    """Profiles of runs, or of anybody: traces of torch.profiler, and what nsys export --type sqlite wrote.

    seatrial run CASE --profile steps=10:12 records one.
    """
