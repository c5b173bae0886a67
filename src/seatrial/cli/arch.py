"""seatrial arch: a group whose verbs are imported when they are used."""

from __future__ import annotations

import click

from seatrial.cli.verbs import Verbs

COMMANDS = {
    "list": "What can be deployed, and the deployments of seatrial.toml.",
    "show": "A deployment: its stacks, parameters, instances; --cost: what it costs.",
    "params": "The parameters of an architecture, each with its meaning.",
    "render": "The dry run: show or write its templates, touch nothing.",
    "lint": "What is wrong with it: its own rules, CloudFormation's, and what AWS says of it.",
    "diff": "What a deployment would change, and replace.",
    "deploy": "Make it, or change it: every change is shown before it is made.",
    "status": "How its stacks stand; --drift: what was changed behind their back.",
    "outputs": "What its stack exports.",
    "cluster": "Its clusters, written into seatrial.toml.",
    "delete": "Remove its stack; says before what is lost and what is kept.",
}


@click.command(cls=Verbs, modules="seatrial.cli.arch_", titles=COMMANDS)
def command() -> None:
    """From an empty AWS account to a cluster: architectures, each a CloudFormation stack, that use one another.

    NAME is a table [architectures.NAME] of seatrial.toml, or an architecture, which then has its own name.
    """
