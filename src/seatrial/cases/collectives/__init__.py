"""Collective operations of torch.distributed over sizes: how fast, how steady, and are the data right."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Literal

from seatrial.arguments import CaseArgs, Count, Range, WholeNumber, at_least
from seatrial.checks.collectives.sweep import sizes
from seatrial.errors import Problem, unknown
from seatrial.spec import Case, Layout, Recipe

OPERATIONS = ("all_reduce", "all_gather", "reduce_scatter", "all_to_all", "broadcast", "sendrecv")

MIB, GIB = 2**20, 2**30


@dataclass(frozen=True, kw_only=True)
class Args(CaseArgs):
    """Everything that decides a sweep."""

    operations: str = ",".join(OPERATIONS)
    """Operations, with commas between."""
    min_bytes: Count = 8
    """The smallest size, as the option -b of nccl-tests: all that a rank has afterwards, or before a reduce-scatter."""
    max_bytes: Count = 16 * MIB
    """The largest size, as -e."""
    step_factor: Annotated[int, at_least(2)] = 2
    """Each size is the one before times this, as -f."""
    warmup: WholeNumber = 5
    """Operations of each size before those that are timed, as -w."""
    iterations: Count = 20
    """Operations of each size that are timed, each by itself, as -n and -I."""
    dtype: Literal["float32", "bfloat16", "float16"] = "float32"
    """Type of the elements."""
    check: bool = True
    """Whether every element is compared with what it must be, once for each size, as -c."""
    search: bool = False
    """Instead of sweeps: look for the node or the link that makes an all-reduce slow or wrong, in pairs and halves."""
    search_bytes: Count = 16 * MIB
    """Size of the all-reduces of a search."""
    slow_factor: Annotated[float, Range(lambda value: 1 < value < 1000, "is not in (1, 1000)")] = 2.0
    """A group is slow if another of its size in this search had more than this many times its bandwidth."""


def names(operations: str) -> list[str]:
    """Those of the argument `operations`, in the order in which they were given."""
    return [name.strip() for name in operations.split(",") if name.strip()]


def check(args: Args, layout: Layout) -> Iterable[Problem]:
    """Rules over arguments and layout, beyond the ranges above."""
    yield from (
        unknown("operation", name, OPERATIONS, "operations")
        for name in names(args.operations)
        if name not in OPERATIONS
    )
    if not names(args.operations):
        yield Problem("names none", "operations", ", ".join(OPERATIONS))
    if not sizes(args.min_bytes, args.max_bytes, by_factor=args.step_factor):
        yield Problem(f"{args.max_bytes} is less than min_bytes, {args.min_bytes}", "max_bytes")
    if layout.device == "neuron":
        yield Problem("torch.distributed of Neuron is no case of this one", "device", "seatrial run nccom-tests")
    if layout.world_size < 2:
        yield Problem("an operation between ranks needs 2 of them", "processes", "--processes 2")
    if args.search and searched(layout) < 2:
        yield Problem("a search needs 2 nodes, or 2 ranks on one", "search")


def searched(layout: Layout) -> int:
    """What a search tells apart: nodes, or on one node its ranks."""
    return layout.nodes if layout.nodes > 1 else layout.world_size


_GPU = Args(max_bytes=16 * GIB)


def _sweep(name: str, title: str, instance_type: str, nodes: int, args: Args = _GPU) -> Recipe:
    return Recipe(name=name, title=title, args=args, nodes=nodes, instance_type=instance_type)


CASE = Case(
    name="collectives",
    title="Collective operations over sizes: speed, steadiness, right data",
    framework="torch.distributed: gloo, NCCL",
    Args=Args,
    recipes=(
        Recipe(
            name="tiny",
            title="2 processes, 6 operations, 8 B to 256 KiB",
            args=Args(max_bytes=MIB // 4, step_factor=8, warmup=2, iterations=10),
            processes_per_node=2,
        ),
        # 40 GB of memory: an all-to-all has its size twice.
        _sweep("p4d", "2 nodes of 8 A100, 8 B to 8 GiB", "p4d.24xlarge", 2, Args(max_bytes=8 * GIB)),
        _sweep("p5", "2 nodes of 8 H100, 8 B to 16 GiB", "p5.48xlarge", 2),
        _sweep("p5en", "4 nodes of 8 H200, 8 B to 16 GiB", "p5en.48xlarge", 4),
        _sweep("p6-b200", "4 nodes of 8 B200, 8 B to 16 GiB", "p6-b200.48xlarge", 4),
        _sweep("p6-b300", "2 nodes of 8 B300, 8 B to 16 GiB", "p6-b300.48xlarge", 2),
    ),
    program="seatrial.cases.collectives.bench",
    purpose="benchmark",
    unit="samples",
    requires=("torch",),
    check=check,
    fidelity="real",
    fidelity_note="gloo between processes: its speed says nothing of GPUs and their links",
)
