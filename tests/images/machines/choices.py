"""What the tests choose of machine images."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.images import machines
from seatrial.images._image import Architecture, Choice, Machine

AMI = "ami-0123456789abcdef0"
REGION = "us-west-2"


def choice(system: str | None = None, architecture: Architecture = "x86_64", **settings: str) -> Choice:
    return Choice(settings={"region": REGION, **settings}, system=system, architecture=architecture)


def every() -> Iterator[tuple[Machine, Choice]]:
    """Every image on every system and processor."""
    for name in machines.names():
        machine = machines.find(name)
        for system in machine.systems:
            for architecture in machine.architectures:
                yield machine, choice(system, architecture)
