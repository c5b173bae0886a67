"""seatrial image render"""

from __future__ import annotations

from pathlib import Path

import click

from seatrial.cli.image_options import choice_of, choosing, find, image_argument, render
from seatrial.cli.options import as_json, print_json
from seatrial.images._image import Architecture
from seatrial.plan import Plan

OURS = "seatrial/"
"""Folder of a context with Seatrial itself."""


@click.command()
@image_argument
@choosing
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Write it into this new folder.")
@as_json
def command(
    name: str,
    settings: tuple[str, ...],
    architecture: Architecture,
    system: str | None,
    output: Path | None,
    as_json: bool,
) -> None:
    """The dry run: show or write what an image is built from, build nothing.

    In the folder stands all that a builder needs, also the files of Seatrial itself, which are not shown.
    """
    image = find(name)
    plan = render(image, choice_of(settings, architecture, system))
    written = plan.write(output) if output else []
    shown = Plan(
        files={path: text for path, text in plan.files.items() if not path.startswith(OURS)}, commands=plan.commands
    )
    if as_json:
        commands = [{"title": c.title, "argv": c.argv, "env": dict(c.env)} for c in plan.commands]
        print_json({"state": "RENDERED", "files": dict(shown.files), "commands": commands, "written": written})
    elif output:
        click.echo(f"RENDERED {name}: {len(written)} files in {output}")
    else:
        click.echo(shown.text(), nl=False)
        click.echo(f"RENDERED {name}: nothing was built", err=True)
