"""seatrial image import"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import click

from seatrial.cli.image_building import say, telling
from seatrial.cli.image_options import built, container, image_argument
from seatrial.cli.options import as_json, print_json
from seatrial.errors import Problem, UserError
from seatrial.images._image import Architecture

if TYPE_CHECKING:
    from seatrial.images.building.builders import Builder
    from seatrial.images.records import Record


@click.command("import")
@image_argument
@click.option(
    "--architecture", "--arch", type=click.Choice(get_args(Architecture)), default="x86_64", show_default=True
)
@click.option(
    "-o",
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(),
    help="Folder that all nodes see, such as /fsx/images.  [default: this one]",
)
@click.option("--pushed", is_flag=True, help="What was pushed last, from its registry, not what was built here.")
@as_json
def command(name: str, architecture: Architecture, output: Path, pushed: bool, as_json: bool) -> None:
    """Make the squash file that Slurm with Pyxis starts, of what was built or pushed last, by enroot.

    An image of Buildah's may be packed by mksquashfs instead, with the files below /etc that enroot reads.
    """
    from seatrial.images.building.importing import import_

    source, builder = _source(container(name, "import").name, architecture, pushed=pushed)
    with telling(quiet=as_json) as tell:
        made = import_(source, builder, output, tell)
    if as_json:
        print_json(asdict(made))
    else:
        say(f"imported {made.reference}", f"seatrial image show {name}")


def _source(name: str, architecture: Architecture, *, pushed: bool) -> tuple[Record, Builder | None]:
    from seatrial.images import records

    if not pushed:
        return built(name, architecture)
    record = records.newest(records.read(name), "pushed", architecture=architecture)
    if record is None:
        remedy = f"seatrial image push {name}"
        raise UserError(Problem(f"{name} was not pushed from here for {architecture}", "--pushed", remedy))
    return record, None
