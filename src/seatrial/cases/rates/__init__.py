"""What short parts of a training step take on these ranks, all at once: what forecasts are calibrated with."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from seatrial.arguments import CaseArgs, Count, Positive
from seatrial.errors import Problem
from seatrial.spec import Case, Layout, Recipe


@dataclass(frozen=True, kw_only=True)
class Args(CaseArgs):
    """Everything that decides what is measured."""

    sweeps: Count = 3
    """How often every part is measured, at times that lie apart; the median counts."""
    seconds: Positive = 0.01
    """That each part is repeated for at least, in each sweep and at each size."""
    largest: Count = 2**29
    """FLOPs of the largest matrix products; larger ones run at the rate of these."""
    dtype: Literal["fp32", "bf16"] = "fp32"
    """What matrices are multiplied in."""


def check(args: Args, layout: Layout) -> Iterable[Problem]:
    """Rules over arguments and layout, beyond the ranges above."""
    if layout.device == "neuron":
        yield Problem("Neuron's torch compiles whole steps, and has no parts to measure", "device", "ranks with CPUs")


_TINY = Args(sweeps=1, largest=2**21)

CASE = Case(
    name="rates",
    title="What parts of a training step take here: matrix products, attention, passes, collectives",
    framework="PyTorch, FSDP2",
    Args=Args,
    recipes=(
        Recipe(name="tiny", title="small sizes, once", args=_TINY, processes_per_node=2),
        Recipe(name="whole", title="all sizes, three times", args=Args(), processes_per_node=2),
    ),
    program="seatrial.cases.rates.measure",
    requires=("torch", "numpy"),
    purpose="benchmark",
    unit="samples",
    check=check,
    fidelity="real",
    fidelity_note="it measures the CPUs that it runs on",
)
