"""NVIDIA's nccl-tests, judged by the same rules as their pasted output."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Literal

from seatrial.arguments import CaseArgs, Count, WholeNumber, at_least
from seatrial.checks.collectives.sweep import sizes
from seatrial.errors import Problem
from seatrial.spec import Case, Layout, Recipe

MIB, GIB = 2**20, 2**30


@dataclass(frozen=True, kw_only=True)
class Args(CaseArgs):
    """Everything that decides a run of one program."""

    program: Literal[
        "all_reduce",
        "all_gather",
        "reduce_scatter",
        "alltoall",
        "broadcast",
        "reduce",
        "sendrecv",
        "gather",
        "scatter",
        "hypercube",
    ] = "all_reduce"
    """Which of them, without ``_perf``."""
    folder: str = ""
    """Folder that they are in; empty: the one on $PATH that has it."""
    min_bytes: Count = 8
    """The smallest size: -b."""
    max_bytes: Count = 16 * GIB
    """The largest size: -e."""
    step_factor: Annotated[int, at_least(2)] = 2
    """Each size is the one before times this: -f."""
    warmup: WholeNumber = 5
    """Operations before those that are timed: -w."""
    iterations: Count = 20
    """Operations that are timed: -n."""
    check: bool = True
    """Whether the data are compared with what they must be: -c."""


def find(program: str, folder: str) -> str | None:
    """The path of a program; None if it is not there."""
    return shutil.which(f"{program}_perf", path=folder or None)


def check(args: Args, layout: Layout) -> Iterable[Problem]:
    """Rules over arguments and layout, beyond the ranges above."""
    if not sizes(args.min_bytes, args.max_bytes, by_factor=args.step_factor):
        yield Problem(f"{args.max_bytes} is less than min_bytes, {args.min_bytes}", "max_bytes")
    if layout.device == "neuron":
        yield Problem("nccl-tests needs NVIDIA's GPUs", "device", "seatrial run nccom-tests")


def preflight(args: Args) -> Iterable[Problem]:
    """The program must be there."""
    if find(args.program, args.folder) is None:
        remedy = "build github.com/NVIDIA/nccl-tests, and say where: --set folder=DIR"
        yield Problem(f"is not in {args.folder or '$PATH'}", f"{args.program}_perf", remedy)


def _recipe(name: str, title: str, instance_type: str, args: Args) -> Recipe:
    return Recipe(name=name, title=title, args=args, instance_type=instance_type)


CASE = Case(
    name="nccl-tests",
    title="NVIDIA's nccl-tests on the GPUs of one node, or of several as an MPI program",
    framework="nccl-tests",
    Args=Args,
    recipes=(
        Recipe(name="tiny", title="2 GPUs, 8 B to 1 MiB", args=Args(max_bytes=MIB), processes_per_node=2),
        # 40 GB of memory.
        _recipe("p4d", "8 A100, 8 B to 8 GiB", "p4d.24xlarge", Args(max_bytes=8 * GIB)),
        _recipe("p5", "8 H100, 8 B to 16 GiB", "p5.48xlarge", Args()),
        _recipe("p5en", "8 H200, 8 B to 16 GiB", "p5en.48xlarge", Args()),
        _recipe("p6-b200", "8 B200, 8 B to 16 GiB", "p6-b200.48xlarge", Args()),
        _recipe("p6-b300", "8 B300, 8 B to 16 GiB", "p6-b300.48xlarge", Args()),
    ),
    program="seatrial.cases.nccl_tests.bench",
    launch="node",
    multi_node_launch="mpi",
    purpose="benchmark",
    unit="samples",
    check=check,
    preflight=preflight,
    fidelity="real",
    fidelity_note="nccl-tests runs on GPUs only",
)
