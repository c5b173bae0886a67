"""AWS Neuron's nccom-test, judged by the same rules as its pasted output."""

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
PROGRAM = "nccom-test"
FOLDER = "/opt/aws/neuron/bin"
"""Where aws-neuronx-tools puts it."""


@dataclass(frozen=True, kw_only=True)
class Args(CaseArgs):
    """Everything that decides a run."""

    operation: Literal["all_reduce", "all_gather", "reduce_scatter", "sendrecv", "alltoall", "permute"] = "all_reduce"
    """What is measured."""
    min_bytes: Count = 8
    """The smallest size: --minbytes."""
    max_bytes: Count = GIB
    """The largest size: --maxbytes."""
    step_factor: Annotated[int, at_least(2)] = 2
    """Each size is the one before times this: --stepfactor."""
    warmup: WholeNumber = 5
    """Operations before those that are timed: --warmup_iters."""
    iterations: Count = 20
    """Operations that are timed: --iters."""
    check: bool = True
    """Whether the data are compared with what they must be: --check."""


def find() -> str | None:
    """The path of nccom-test; None if it is not there."""
    return shutil.which(PROGRAM) or shutil.which(PROGRAM, path=FOLDER)


def check(args: Args, layout: Layout) -> Iterable[Problem]:
    """Rules over arguments and layout, beyond the ranges above."""
    if not sizes(args.min_bytes, args.max_bytes, by_factor=args.step_factor):
        yield Problem(f"{args.max_bytes} is less than min_bytes, {args.min_bytes}", "max_bytes")


def preflight(_: Args) -> Iterable[Problem]:
    """The program must be there."""
    if find() is None:
        yield Problem(f"is neither in $PATH nor in {FOLDER}", PROGRAM, "install aws-neuronx-tools")


CASE = Case(
    name="nccom-tests",
    title="AWS Neuron's nccom-test on the cores of one node, or of several with Slurm",
    framework="nccom-test (aws-neuronx-tools)",
    Args=Args,
    recipes=(
        Recipe(name="tiny", title="2 cores, 8 B to 1 MiB", args=Args(max_bytes=MIB), processes_per_node=2),
        Recipe(name="trn1", title="32 cores, 8 B to 1 GiB", args=Args(), instance_type="trn1.32xlarge"),
        Recipe(name="trn2", title="64 cores, 8 B to 1 GiB", args=Args(), instance_type="trn2.48xlarge"),
    ),
    program="seatrial.cases.nccom_tests.bench",
    launch="node",
    multi_node_launch="driver",
    purpose="benchmark",
    unit="samples",
    check=check,
    preflight=preflight,
    fidelity="real",
    fidelity_note="nccom-test runs on Trainium and Inferentia only",
)
