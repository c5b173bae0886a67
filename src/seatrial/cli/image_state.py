"""What became of what was recorded of an image, as far as this machine can tell."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from seatrial.cli.image_options import Image, context_of
from seatrial.errors import UserError
from seatrial.images._image import Choice, Container

if TYPE_CHECKING:
    from seatrial.images.records import Record


def newest(known: Iterable[Record]) -> list[Record]:
    """Of each kind, for each kind of processor and in each region, the last that was made; `known`: newest first."""
    found: dict[tuple[str, str, str | None], Record] = {}
    for record in known:
        found.setdefault((record.kind, record.architecture, record.region), record)
    return [*found.values()]


def standing(record: Record, image: Image) -> str:
    """``here``, ``gone``, ``not looked at``; and ``stale`` where the definition would make another one today."""
    there = _there(record)
    return f"{there}, stale" if isinstance(image, Container) and _stale(record, image) else there


def _there(record: Record) -> str:
    from seatrial.images.building import builders

    if record.kind == "imported":
        return "here" if Path(record.reference).exists() else "not seen from here"
    if record.kind != "built":
        return "not looked at"
    try:
        return "here" if builders.find(record.by).find(record.reference) else "gone"
    except UserError:
        return "not looked at"


def _stale(record: Record, container: Container) -> bool:
    choice = Choice(settings=record.settings, architecture=record.architecture)
    arguments = [f"{key}={value}" for key, value in record.arguments.items()]
    try:
        return context_of(container, choice, arguments).tag != record.tag
    except UserError:  # what was chosen then can no longer be
        return True
