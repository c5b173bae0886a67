"""Distributed data parallel on CPUs: handwritten digits, a small network, gloo. The example to copy."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from seatrial.cases._rules import at_least, positive
from seatrial.errors import Problem
from seatrial.spec import Case, CaseArgs, Expectations, Layout, Recipe

TRAINING_IMAGES = 1437
"""Four fifths of scikit-learn's 1797 digits; the others measure accuracy."""


@dataclass(frozen=True, kw_only=True)
class Args(CaseArgs):
    """Everything that decides a training run of this case."""

    steps: int = 400
    """Optimizer steps."""
    global_batch_size: int = 64
    """Images per step, all ranks together."""
    hidden_size: int = 128
    """Width of the network's two hidden layers."""
    learning_rate: float = 1e-3
    """Adam's learning rate."""
    seed: int = 0
    """Decides initial weights, the split and the order of the images."""
    validation_every: int = 100
    """Steps between two measurements of accuracy, and one at the end."""
    checkpoint_every: int = 100
    """Steps between two checkpoints."""
    log_every: int = 10
    """Steps between two step events."""


def check(args: Args, layout: Layout) -> Iterable[Problem]:
    """Rules over arguments and layout."""
    yield from at_least(
        args, 1, "steps", "global_batch_size", "hidden_size", "validation_every", "checkpoint_every", "log_every"
    )
    yield from positive(args, "learning_rate")
    if args.global_batch_size % layout.world_size:
        yield Problem(f"{args.global_batch_size} does not divide by {layout.world_size} ranks", "global_batch_size")
    if args.global_batch_size > TRAINING_IMAGES:
        yield Problem(f"{args.global_batch_size} is more than the {TRAINING_IMAGES} images", "global_batch_size")


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
    fidelity="real",
    fidelity_note="this case is meant for CPUs",
)
