"""seatrial image list"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from seatrial.cli.image_options import Image, find, names
from seatrial.cli.image_state import newest, standing
from seatrial.cli.options import as_json, print_json
from seatrial.cli.tables import print_table
from seatrial.images._image import Container

if TYPE_CHECKING:
    from seatrial.images.records import Record


@click.command()
@as_json
def command(as_json: bool) -> None:
    """Every image, and what was made of it here: whether that is still there, and still what would be made today.

    Registries and AWS are not asked.
    """
    from seatrial.images import records

    known = records.read()
    rows = [_row(find(name), [record for record in known if record.name == name]) for name in names()]
    if as_json:
        print_json(rows)
        return
    header = ("IMAGE", "STACK", "BASE", "STATE")
    print_table(header, [(r["image"], r["stack"], r["base"], _state(r["made"])) for r in rows], ("BASE", "STACK"))


def _row(image: Image, known: Sequence[Record]) -> dict[str, Any]:
    kind = "container" if isinstance(image, Container) else "machine"
    made = [asdict(record) | {"state": standing(record, image)} for record in newest(known)]
    row = {"image": image.name, "kind": kind, "title": image.title, "stack": image.stack}
    return row | {"base": _base(image), "architectures": image.architectures, "made": made}


def _base(image: Image) -> str:
    from seatrial import versions

    if not isinstance(image, Container):
        return image.systems[0]
    unknown = versions.BASES[image.base].digest is None
    return f"{image.base}, digest unknown" if unknown else image.base


def _state(made: Sequence[dict[str, Any]]) -> str:
    """``built cuda13-0123456789ab by buildah, here; imported /fsx/images/..., gone``"""
    told = []
    for one in made:
        what = one["tag"] if one["kind"] == "built" else one["reference"]
        by = f" by {one['by']}" if one["kind"] == "built" else ""
        at = f" in {one['region']}" if one["kind"] == "ami" and one["region"] else ""
        architecture = "" if one["architecture"] == "x86_64" else f" for {one['architecture']}"
        told.append(f"{one['kind']} {what}{architecture}{by}{at}, {one['state']}")
    return "; ".join(told) or "not built"
