"""Machine images: templates for Packer and EC2 Image Builder, roles for Ansible.

It imports what it needs where it needs it: a machine that is tested has of it the self test alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seatrial.images._image import Choice, Machine
    from seatrial.images.records import Record
    from seatrial.plan import Plan

PACKER, PCLUSTER = "packer", "pcluster"
"""What makes an image: for ParallelCluster also its own command, by EC2 Image Builder."""


def names() -> tuple[str, ...]:
    """Of all machine images."""
    from seatrial.images.machines import definitions

    return definitions.names()


def find(name: str) -> Machine:
    """The machine image of that name. Raises UserError."""
    from seatrial.images.machines import definitions

    return definitions.find(name)


def render(machine: Machine, choice: Choice, by: str = PACKER) -> Plan:
    """What it is made from, and the commands that make it. Raises UserError with all that is wrong."""
    if by == PCLUSTER:
        from seatrial.images.machines import imagebuilder

        return imagebuilder.render(machine, choice)
    from seatrial.images.machines import packer

    return packer.render(machine, choice)


def build(
    machine: Machine, choice: Choice, tell: Callable[[str, str], None], more: Sequence[str] = (), by: str = PACKER
) -> Record:
    """Make it, and record the AMI of each region; the record of the region it is made in is returned.

    `tell` takes the step, and the line that was printed last; `more` are words for Packer. Raises UserError if it
    fails: then nothing is recorded.
    """
    from seatrial.images.machines import building

    return building.build(machine, choice, tell, more, by)
