"""seatrial check: a group whose verbs are imported when they are used."""

from __future__ import annotations

import importlib

import click

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


class _Verbs(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*COMMANDS]

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        module = importlib.import_module(f"seatrial.cli.check_{name}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([*COMMANDS.items()])


@click.command(cls=_Verbs)
def command() -> None:
    """Is a node, a fabric, a cluster healthy; and what to do if not. What could not be seen is UNKNOWN, never PASS."""
