"""seatrial image render"""

from __future__ import annotations

from pathlib import Path

import click

from seatrial.cli.image_options import choice_of, choosing, find, image_argument, render
from seatrial.cli.options import as_json, print_json
from seatrial.images._image import Architecture, Container


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

    In the folder a builder of your own finds all that it needs: also Seatrial itself, which is not shown.
    """
    image = find(name)
    plan = render(image, choice_of(settings, architecture, system))
    written = plan.write(output) if output else []
    if output and isinstance(image, Container):
        written += _package(output)
    if as_json:
        commands = [{"title": c.title, "argv": c.argv, "env": dict(c.env)} for c in plan.commands]
        print_json({"state": "RENDERED", "files": dict(plan.files), "commands": commands, "written": written})
    elif output:
        click.echo(f"RENDERED {name}: {len(written)} files in {output}")
    else:
        click.echo(plan.text(), nl=False)
        click.echo(f"RENDERED {name}: nothing was built", err=True)


def _package(output: Path) -> list[Path]:
    from seatrial.images.building.context import package

    written = []
    for relative, data in package():
        path = output / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        written.append(path)
    return written
