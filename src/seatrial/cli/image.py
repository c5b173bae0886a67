"""seatrial image: a group whose verbs are imported when they are used."""

from __future__ import annotations

import click

from seatrial.cli.verbs import Verbs

COMMANDS = {
    "list": "Every image, and what was made of it: built, pushed, imported, AMIs.",
    "show": "An image: its layers, everything in it by version, what to write into seatrial.toml.",
    "render": "The dry run: show or write what it is built from, build nothing.",
    "build": "Build it with docker, buildah or podman, or in AWS; an AMI with Packer.",
    "push": "Push what was built to ECR, or to a registry of your own.",
    "import": "Make the squash file that Slurm with Pyxis starts.",
}


@click.command(cls=Verbs, modules="seatrial.cli.image_", titles=COMMANDS)
def command() -> None:
    """The software of jobs and machines as images, all made of one table of versions.

    NAME is a case, whose jobs run in its container image, or one of the AMIs, ami-....
    """
