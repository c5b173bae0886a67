"""Distributed data parallel on CPUs: handwritten digits, a small network, gloo. The example to copy."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from seatrial.arguments import Count, Positive, TrainingArgs
from seatrial.errors import Problem
from seatrial.spec import Case, Expectations, Layout, Recipe
from seatrial.workload import FP32_ADAM, Degrees, Workload

TRAINING_IMAGES = 1437
"""Four fifths of scikit-learn's 1797 digits; the others measure accuracy."""
DIGITS = 10


@dataclass(frozen=True, kw_only=True)
class Args(TrainingArgs):
    """Everything that decides a training run of this case."""

    steps: Count = 400
    """Optimizer steps."""
    global_batch_size: Count = 64
    """Images per step, all ranks together."""
    hidden_size: Count = 128
    """Width of the network's two hidden layers."""
    learning_rate: Positive = 1e-3
    """Adam's learning rate."""
    seed: int = 0
    """Decides initial weights, the split and the order of the images."""
    validation_every: Count = 100
    """Steps between two measurements of accuracy, and one at the end."""
    checkpoint_every: Count = 100
    """Steps between two checkpoints."""
    log_every: Count = 10
    """Steps between two step events."""


def check(args: Args, layout: Layout) -> Iterable[Problem]:
    """Rules over arguments and layout, beyond the ranges above."""
    if args.global_batch_size % layout.world_size:
        yield Problem(f"{args.global_batch_size} does not divide by {layout.world_size} ranks", "global_batch_size")
    if args.global_batch_size > TRAINING_IMAGES:
        yield Problem(f"{args.global_batch_size} is more than the {TRAINING_IMAGES} images", "global_batch_size")


def workload(args: Args, layout: Layout) -> Workload:
    """Each rank has a whole copy and an equal part of the batch."""
    width = args.hidden_size
    return Workload(
        parameters=(64 + 1) * width + (width + 1) * width + (width + 1) * DIGITS,  # of 64 pixels
        classes=DIGITS,
        global_batch_size=args.global_batch_size,
        micro_batch_size=args.global_batch_size // layout.world_size,
        degrees=Degrees(data=layout.world_size),
        compute="fp32",
        states=FP32_ADAM,
    )


_EXPECTED = Expectations(loss_decrease=1.5, at_least={"accuracy": 0.93})  # from ln(10) = 2.3 nats; 0.96 is usual

CASE = Case(
    name="cpu-ddp",
    title="Distributed data parallel on CPUs: handwritten digits",
    framework="PyTorch DistributedDataParallel, gloo",
    Args=Args,
    recipes=(
        Recipe(name="tiny", title="2 processes", args=Args(), processes_per_node=2, expectations=_EXPECTED),
        Recipe(
            name="two-node",
            title="2 nodes x 4 processes",
            args=Args(),
            nodes=2,
            processes_per_node=4,
            expectations=_EXPECTED,
        ),
    ),
    program="seatrial.cases.cpu_ddp.train",
    unit="samples",
    requires=("torch", "numpy", "sklearn"),
    resumable=True,
    check=check,
    workload=workload,
    fidelity="real",
    fidelity_note="this case is meant for CPUs",
)
