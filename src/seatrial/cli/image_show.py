"""seatrial image show"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, fields
from typing import Any

import click

from seatrial import versions
from seatrial.cli.image_options import Image, choice_of, choosing, find, image_argument
from seatrial.cli.image_state import newest, standing
from seatrial.cli.options import as_json, print_json
from seatrial.cli.tables import print_facts, print_table
from seatrial.images._image import Architecture, Choice, Container

WIDTH = 13
"""Columns of the names of facts."""


@click.command()
@image_argument
@choosing
@as_json
def command(
    name: str, settings: tuple[str, ...], architecture: Architecture, system: str | None, as_json: bool
) -> None:
    """An image: what it is made from, everything in it by version, what was made of it, and how a cluster names it."""
    from seatrial.images import records

    image, choice = find(name), choice_of(settings, architecture, system)
    made = [asdict(record) | {"state": standing(record, image)} for record in newest(records.read(name))]
    items, unknown = _items(image, choice)
    lines = _lines(image)
    if as_json:
        print_json({**asdict(image), "contains": items, "unknown": unknown, "made": made, "seatrial.toml": lines})
        return
    print_facts(_facts(image), WIDTH)
    if items:
        click.echo()
        print_table(("CONTAINS", "VERSION", "FROM"), [(i["name"], i["version"], i["origin"]) for i in items])
    for problem in unknown:
        click.echo(f"\nnot known before it is chosen: {problem}")
    if made:
        click.echo()
        print_table(("MADE", "REFERENCE", "BY", "WHEN", "STATE"), [_made(one) for one in made])
    if lines:
        click.echo(f"\n{click.style('in seatrial.toml', bold=True)}")
        click.echo("\n".join(lines))


def _items(image: Image, choice: Choice) -> tuple[list[dict[str, str]], list[str]]:
    """What is in an image; and where that is not known yet, what has to be chosen."""
    from seatrial.errors import UserError
    from seatrial.images import containers
    from seatrial.images.machines import software

    try:
        if isinstance(image, Container):
            return containers.bom(image, choice), []
        found = software.expected(image, choice)
        return [{"name": name, "version": pin, "origin": f"stack {image.stack}"} for name, pin in found.items()], []
    except UserError as error:
        return [], [str(problem) for problem in error.problems]


def _facts(image: Image) -> dict[str, str]:
    stack = versions.STACKS[image.stack]
    facts = {
        "image": click.style(image.name, bold=True),
        "title": image.title,
        "stack": f"{image.stack}: {stack.title}",
    }
    if isinstance(image, Container):
        base = versions.BASES[image.base]
        facts |= {"base": base.reference or f"{base.tagged}, digest unknown"}
        facts |= {"layers": " > ".join(_layers(image)), "jobs": image.environment or "of cases without an environment"}
    else:
        facts |= {"systems": ", ".join(image.systems), "roles": ", ".join(image.roles)}
    return facts | {"processors": ", ".join(image.architectures)}


def _layers(image: Container) -> list[str]:
    """From the bottom to the top."""
    network = ["EFA's software"] if "efa_installer" in versions.STACKS[image.stack].pins else []
    framework = f"lock {image.lock}" if image.lock else "its framework"
    return [image.base, *network, framework, *image.checkouts, "seatrial"]


def _made(one: dict[str, Any]) -> Sequence[str]:
    return (one["kind"], one["reference"], one["by"], one["made"], one["state"])


def _lines(image: Image) -> list[str]:
    """What a cluster's table says to use it."""
    from seatrial.config.tables import StackTable
    from seatrial.images.containers.definitions import other_python
    from seatrial.images.containers.rendering import HOME, PYTHON

    if not isinstance(image, Container):
        return []
    own = f"software.{image.environment}." if image.environment else ""
    python = f"{HOME}/{image.environment}/bin/python" if other_python(image) else PYTHON
    lines = [f'{own}image = "{image.name}"', f'{own}python = "{python}"']
    pins, known = versions.STACKS[image.stack].pins, [f.name for f in fields(StackTable)]
    return lines + [f'stack.{name} = "{pins[name]}"' for name in known if name in pins]
