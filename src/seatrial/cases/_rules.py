"""Rules that several cases have in common. They look at arguments by name and know no case."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from seatrial.errors import Problem


def at_least(args: Any, bound: int, *names: str) -> Iterable[Problem]:
    """Each of these arguments is `bound` or more."""
    for name in names:
        if not getattr(args, name) >= bound:
            yield Problem(f"{getattr(args, name)} is less than {bound}", name)


def positive(args: Any, *names: str) -> Iterable[Problem]:
    """Each of these arguments is a finite number above 0; NaN, which compares as false, is refused too."""
    for name in names:
        if not 0 < getattr(args, name) < math.inf:
            yield Problem(f"{getattr(args, name)} is not a positive number", name)


def degrees_fill(world_size: int, **degrees: int) -> Iterable[Problem]:
    """The product of the parallel degrees is the world size."""
    product = math.prod(degrees.values())
    if product != world_size:
        spelt = " x ".join(f"{name}={value}" for name, value in degrees.items())
        yield Problem(f"{spelt} is {product} ranks, the job has {world_size}", ", ".join(degrees))


def degrees_divide(world_size: int, **degrees: int) -> Iterable[Problem]:
    """The product of these degrees divides the world size; data parallelism takes the rest."""
    product = math.prod(degrees.values())
    if product < 1 or world_size % product:
        spelt = " x ".join(f"{name}={value}" for name, value in degrees.items())
        yield Problem(f"{world_size} ranks do not divide into groups of {spelt}", ", ".join(degrees))


def batch_divides(
    global_batch_size: int, micro_batch_size: int, data_parallel: int, place: str = "global_batch_size"
) -> Iterable[Problem]:
    """The global batch is whole micro-batches of whole data-parallel ranks."""
    together = micro_batch_size * data_parallel
    if together > 0 and global_batch_size % together:
        near = max(together, global_batch_size // together * together)
        yield Problem(
            f"{global_batch_size} do not divide into {data_parallel} data-parallel ranks x {micro_batch_size}",
            place,
            f"--set {place}={near}, or change micro_batch_size or the number of processes",
        )


def splits(name: str, count: int, degree_name: str, degree: int) -> Iterable[Problem]:
    """`count` things, such as attention heads, divide by a parallel degree."""
    if degree > 0 and count % degree:
        yield Problem(f"{count} {name} do not divide by {degree_name}={degree}", degree_name)
