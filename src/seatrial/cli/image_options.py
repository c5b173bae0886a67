"""What the verbs of seatrial image have in common."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeAlias, get_args

import click

from seatrial.cli.completing import complete_image
from seatrial.cli.options import F, parse_settings
from seatrial.errors import Problem, UserError, unknown
from seatrial.images._image import Architecture, Choice, Container, Machine

if TYPE_CHECKING:
    from seatrial.images.building.builders import Builder
    from seatrial.images.building.context import Context
    from seatrial.images.records import Record
    from seatrial.plan import Plan

Image: TypeAlias = "Container | Machine"

image_argument: Callable[[F], F] = click.argument("name", metavar="NAME", shell_complete=complete_image)
builder_arguments: Callable[[F], F] = click.argument("more", metavar="[-- WORD...]", nargs=-1, type=click.UNPROCESSED)


def choosing(function: F) -> F:
    """``--set``, ``--architecture`` and ``--system``: what is chosen of an image."""
    for option in (
        click.option(
            "--system", metavar="OS", help="Operating system of an AMI.  [default: the first that show names]"
        ),
        click.option(
            "--architecture",
            "--arch",
            type=click.Choice(get_args(Architecture)),
            default="x86_64",
            show_default=True,
            help="Processors that it is for.",
        ),
        click.option(
            "--set",
            "settings",
            metavar="KEY=VALUE",
            multiple=True,
            help="Another version of a component, nccl=..., or what pins it: base.digest=sha256:...",
        ),
    ):
        function = option(function)
    return function


def arguments_option(function: F) -> F:
    """``--build-arg``"""
    return click.option(
        "--build-arg",
        "arguments",
        metavar="NAME=VALUE",
        multiple=True,
        help="Another value of an ARG of the Dockerfile, such as a base or a source of your own.",
    )(function)


def asking_aws(function: F) -> F:
    """``--region`` and ``--profile``"""
    function = click.option("--profile", help="AWS profile.  [default: the environment's own credentials]")(function)
    return click.option("--region", help="AWS region.  [default: the profile's, or AWS_REGION]")(function)


def choice_of(settings: Sequence[str], architecture: Architecture, system: str | None) -> Choice:
    """What the options say. Raises UserError."""
    return Choice(settings=parse_settings(settings), architecture=architecture, system=system)


def names() -> list[str]:
    """Names of all images: of cases, then of machines."""
    from seatrial import catalog
    from seatrial.images import containers, machines

    return [*catalog.case_names(), *containers.FURTHER, *machines.names()]


def find(name: str) -> Image:
    """The image of that name. Raises UserError with the nearest names."""
    from seatrial import catalog
    from seatrial.images import containers, machines

    if name in catalog.case_names() or name in containers.FURTHER:
        return containers.definition(catalog.case(containers.FURTHER.get(name, name)), name)
    if name in machines.names():
        return machines.find(name)
    raise UserError(unknown("image", name, names()))


def render(image: Image, choice: Choice) -> Plan:
    """What it is built from. Raises UserError for what cannot be chosen."""
    from seatrial.images import containers, machines

    return machines.render(image, choice) if isinstance(image, Machine) else containers.render(image, choice)


def context_of(container: Container, choice: Choice, arguments: Sequence[str] = ()) -> Context:
    """What a builder is given. Raises UserError."""
    from seatrial.images.building.context import Context

    wrong = [text for text in arguments if "=" not in text]
    if wrong:
        raise UserError(Problem(f"{text!r} is not NAME=VALUE", "--build-arg") for text in wrong)
    given = dict(text.split("=", 1) for text in arguments)
    return Context(container=container, choice=choice, plan=render(container, choice), arguments=given)


def container(name: str, verb: str) -> Container:
    """The container image of that name. Raises UserError for a machine image."""
    image = find(name)
    if isinstance(image, Machine):
        what = f"{name} is a machine image, which AWS keeps"
        raise UserError(Problem(what, f"image {verb}", f"seatrial image build {name} makes the AMI"))
    return image


def built(name: str, architecture: Architecture) -> tuple[Record, Builder]:
    """What was built last of an image, and by what. Raises UserError if nothing was."""
    from seatrial.images import records
    from seatrial.images.building import builders

    record = records.newest(records.read(name), "built", architecture=architecture)
    if record is None:
        remedy = f"seatrial image build {name}{'' if architecture == 'x86_64' else f' --architecture {architecture}'}"
        raise UserError(Problem(f"{name} was not built here for {architecture}", "", remedy))
    return record, builders.find(record.by)
