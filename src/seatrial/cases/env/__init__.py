"""Is every rank's environment fit to train, and the same as that of the others?"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from seatrial.arguments import CaseArgs, Count, NotNegative
from seatrial.errors import Problem
from seatrial.spec import Case, Layout, Recipe


@dataclass(frozen=True, kw_only=True)
class Args(CaseArgs):
    """Everything that decides what is looked at, and what is right."""

    free_gib: NotNegative = 1.0
    """GiB that must be free where checkpoints go."""
    pins: str = ""
    """Packages and the versions that they should have: ``torchtitan==0.2.2,numpy==2.4.6``."""
    elements: Count = 1024
    """Elements that each rank gives to the all-reduce, and to every other rank in the all-to-all."""
    barriers: Count = 32
    """Barriers by which clocks are compared."""


def check(args: Args, layout: Layout) -> Iterable[Problem]:
    """Rules over arguments, beyond the ranges above."""
    for text in filter(None, args.pins.split(",")):
        if not re.fullmatch(r"[\w.-]+==[\w.+!-]+", text):
            yield Problem(f"{text!r} names no package and version", "pins", "PACKAGE==VERSION, with commas between")


CASE = Case(
    name="env",
    title="Check of the environment of every rank, compared over all of them",
    framework="torch.distributed: gloo, and NCCL on GPUs",
    Args=Args,
    recipes=(
        Recipe(name="tiny", title="2 processes on CPUs", args=Args(), processes_per_node=2),
        Recipe(name="node", title="every GPU of a node", args=Args(), instance_type="p5.48xlarge"),
        Recipe(
            name="cluster",
            title="every GPU of several nodes: --nodes",
            args=Args(),
            nodes=2,
            instance_type="p5.48xlarge",
        ),
    ),
    program="seatrial.cases.env.check",
    requires=("torch",),
    purpose="check",
    unit="samples",
    check=check,
    fidelity="real",
    fidelity_note="what only GPUs and EFA have is left out",
)
