"""seatrial check: a group whose verbs are imported when they are used."""

from __future__ import annotations

import click

from seatrial.cli.verbs import Verbs

COMMANDS = {
    "node": "This node: its devices, its kernel's log, its settings.",
    "cluster": "The sea trial of a cluster: what it says of itself, and what its nodes are worth.",
    "env": "The environment of every rank of a job, compared over all of them.",
    "versions": "Versions of drivers and libraries, of this host and of an image, and whether they go together.",
    "read": "What somebody else captured: the output of a tool, judged by the same rules.",
    "hooks": "The files by which a cluster checks its nodes itself.",
    "release": "Let jobs onto a node again that a check has quarantined.",
    "baseline": "What collective operations must reach: record, list, show.",
    "list": "All rules about nodes.",
    "show": "A rule in full.",
}


@click.command(cls=Verbs, modules="seatrial.cli.check_", titles=COMMANDS)
def command() -> None:
    """Is a node, a fabric, a cluster healthy; and what to do if not. What could not be seen is UNKNOWN, never PASS."""
