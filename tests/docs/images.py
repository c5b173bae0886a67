"""docs/images.md, whose tables are written from the definitions: containers, machine images, roles, versions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from seatrial import catalog
from seatrial.images._image import Container, Machine
from seatrial.images.containers import FURTHER, definition
from seatrial.images.machines.definitions import MACHINES
from seatrial.versions import BASES, STACKS
from tests.docs.tables import table

TEMPLATE = Path(__file__).with_name("images.md")
"""The page without its tables: ``{containers}``, ``{machines}``, ``{roles}``, ``{stacks}``."""


def page() -> str:
    """The whole page."""
    text = TEMPLATE.read_text(encoding="utf-8")
    for name, lines in {
        "containers": _containers(),
        "stacks": _stacks(),
        "machines": _machines(),
        "roles": _roles(),
    }.items():
        text = text.replace(f"{{{name}}}\n", lines)
    return text


def containers() -> Iterator[Container]:
    """All, by name."""
    found = [definition(case) for case in catalog.cases()]
    found += [definition(catalog.case(case), name) for name, case in FURTHER.items()]
    yield from sorted(found, key=lambda one: one.name)


def _containers() -> str:
    rows = (
        (
            f"[`{one.name}`](../src/seatrial/cases/{FURTHER.get(one.name, one.name).replace('-', '_')}/README.md)",
            f"`{one.stack}`",
            BASES[one.base].tagged + ("" if BASES[one.base].digest else ", digest unknown"),
            f"`{one.lock}`" if one.lock else "the base's own",
            ", ".join((*one.checkouts, *one.programs)) or "-",
            ", ".join(one.architectures),
            one.why or "-",
        )
        for one in containers()
    )
    headers = ("image", "stack", "made from", "packages of lock", "beside them", "processors", "unlike most, because")
    return table(headers, rows)


def _stacks() -> str:
    rows = (
        (f"`{name}`", one.title, ", ".join(f"{component} {version}" for component, version in one.pins.items()) or "-")
        for name, one in STACKS.items()
    )
    return table(("stack", "for", "versions"), rows)


def _machines() -> str:
    rows = (
        (f"`{one.name}`", f"`{one.stack}`", ", ".join(one.systems), ", ".join(one.architectures), _marked(one.roles))
        for one in MACHINES.values()
    )
    return table(("image", "stack", "operating systems", "processors", "roles, in their order"), rows)


def _marked(roles: tuple[str, ...]) -> str:
    return ", ".join(f"`{role}`" for role in roles)


def _roles() -> str:
    names = list(dict.fromkeys(role for one in MACHINES.values() for role in one.roles))
    rows = ((f"`{role}`", *(_has(one, role) for one in MACHINES.values())) for role in names)
    return table(("role", *(f"`{name.removeprefix('ami-')}`" for name in MACHINES)), rows)


def _has(machine: Machine, role: str) -> str:
    return "x" if role in machine.roles else "-"
