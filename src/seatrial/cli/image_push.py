"""seatrial image push"""

from __future__ import annotations

from dataclasses import asdict
from typing import get_args

import click

from seatrial.cli.image_building import say, telling
from seatrial.cli.image_options import asking_aws, builder_arguments, built, container, image_argument
from seatrial.cli.options import as_json, print_json
from seatrial.images._image import Architecture


@click.command("push")
@image_argument
@builder_arguments
@click.option(
    "--architecture", "--arch", type=click.Choice(get_args(Architecture)), default="x86_64", show_default=True
)
@click.option("--registry", metavar="HOST[/PREFIX]", help="Another registry, where you are logged in.  [default: ECR]")
@asking_aws
@as_json
def command(
    name: str,
    more: tuple[str, ...],
    architecture: Architecture,
    registry: str | None,
    region: str | None,
    profile: str | None,
    as_json: bool,
) -> None:
    """Push what was built last, and record its digest: seatrial.toml may name it then, image = "NAME".

    In ECR its repository is made if need be, with tags that cannot be moved and a scan at each push.
    """
    from seatrial.images.building import registry as registries

    record, builder = built(container(name, "push").name, architecture)
    if registry:
        target = registries.other(registry, name)
    else:
        target = registries.ecr(registries.access(profile, region, "image push"), record)
    with telling(quiet=as_json) as tell:
        pushed = registries.push(record, builder, target, tell, more)
    if as_json:
        print_json(asdict(pushed) | {"pinned": pushed.pinned})
    else:
        say(f"pushed {pushed.pinned}", f"seatrial image show {name}")
