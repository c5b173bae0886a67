"""Names of images in seatrial.toml: each stands for what was pushed or imported here under that name."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from seatrial.cluster import Container
from seatrial.config.tables import ClusterTable
from seatrial.config.validate import dotted
from seatrial.errors import Problem, UserError
from seatrial.hardware import instances
from seatrial.images import records
from seatrial.images.records import Record

NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
"""A whole reference has a slash, a tag or a digest, and a squash file an ending."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Use:
    """Where an image is named: for the jobs of an environment, or None, those of cases without one."""

    key: str
    name: str
    environment: str | None


def resolve(table: ClusterTable, container: Container) -> tuple[Mapping[str, str], list[Problem]]:
    """Name of each image that the table names -> its reference or file, and what is wrong with the others."""
    found: dict[str, str] = {}
    problems: list[Problem] = []
    for use in _uses(table):
        try:
            found[use.name] = _reference(use, table, container)
        except UserError as error:
            problems += error.problems
    return found, problems


def _uses(table: ClusterTable) -> Iterator[_Use]:
    own = [
        _Use(key=f".{dotted(('software', name))}.image", name=software.image or table.image or "", environment=name)
        for name, software in table.software.items()
    ]
    for use in (_Use(key=".image", name=table.image or "", environment=None), *own):
        if NAME.fullmatch(use.name):
            yield use


def _reference(use: _Use, table: ClusterTable, container: Container) -> str:
    """Raises UserError if nothing fits."""
    try:
        known = records.read(use.name)
    except UserError as error:
        raise UserError(Problem(f"{p.where}: {p.what}", use.key, p.remedy) for p in error.problems) from None
    usable = [record for record in known if _usable(record, table, container)]
    if not usable:
        raise UserError(_nothing(use, table, container))
    if usable[0].environment != use.environment:
        raise UserError(_elsewhere(use, usable[0].environment))
    # a file needs no registry; but one of an older definition is not what was pushed last
    same = (record for record in usable if record.kind == "imported" and record.tag == usable[0].tag)
    return _written(next(same, usable[0]), container)


def _usable(record: Record, table: ClusterTable, container: Container) -> bool:
    if record.architecture != _architecture(table):
        return False
    if record.kind == "pushed":
        return table.registry is None or record.reference.startswith(f"{table.registry.rstrip('/')}/")
    return record.kind == "imported" and container == "pyxis"


def _architecture(table: ClusterTable) -> str:
    """Of the nodes' processors."""
    kinds = {instance.name: instance.architecture for instance in instances.INSTANCES}
    return kinds.get((table.instance_type or "").removeprefix("ml."), "x86_64")


def _written(record: Record, container: Container) -> str:
    if record.kind == "imported":
        return record.reference
    if container != "pyxis":
        return record.pinned
    registry, _, image = record.reference.partition("/")
    return f"{registry}#{image}"  # enroot's spelling; not all of its versions take a digest, and the tag is never moved


def _nothing(use: _Use, table: ClusterTable, container: Container) -> Problem:
    into = f" into {table.registry}" if table.registry else ""
    done = "was pushed or imported" if container == "pyxis" else f"was pushed{into}"
    more = f", or seatrial image import {use.name}" if container == "pyxis" else ""
    what = f"no image {use.name} for {_architecture(table)} {done} from here"
    return Problem(what, use.key, f"seatrial image push {use.name}{more}; an image of your own has a tag or a digest")


def _elsewhere(use: _Use, environment: str | None) -> Problem:
    takes = f"of the environment {environment}" if environment else "of cases without an environment"
    place = f"software.{environment}.image" if environment else "image"
    return Problem(f"the image {use.name} is for jobs {takes}", use.key, f'write {place} = "{use.name}"')
