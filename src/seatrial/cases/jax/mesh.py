"""The mesh of devices: two rows of degrees, one for the devices of a node, one for the nodes. Without JAX.

Each axis of the mesh is the product of its two degrees, the nodes' outside. So what stands in the first row travels
over the fast links in a node (TPUs: ICI; GPUs: NVLink), what stands in the second over the network (DCN, EFA).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from seatrial.errors import Problem

if TYPE_CHECKING:
    from seatrial.cases.jax import Args


class Place(NamedTuple):
    """Where a device stands on each axis, or how long the axes are."""

    data: int
    """Copies of the weights."""
    fsdp: int
    """Parts that each copy of weights, gradients and optimizer is dealt out in."""
    tensor: int
    """Parts that each matrix product is cut into."""


@dataclass(frozen=True, slots=True)
class Mesh:
    """Two rows of degrees."""

    ici: Place
    """Of the devices of a node."""
    dcn: Place
    """Of the nodes."""

    @property
    def shape(self) -> Place:
        """Length of each axis."""
        return Place(*(inner * outer for inner, outer in zip(self.ici, self.dcn, strict=True)))

    @property
    def batch_ways(self) -> int:
        """Parts that a batch is cut into."""
        return self.shape.data * self.shape.fsdp

    def place(self, rank: int) -> Place:
        """Where rank's device stands; ranks are counted node by node."""
        node, local = divmod(rank, math.prod(self.ici))
        parts = zip(_digits(node, self.dcn), self.ici, _digits(local, self.ici), strict=True)
        return Place(*(outer * length + inner for outer, length, inner in parts))

    def batch_part(self, rank: int) -> int:
        """Which part of a batch rank's device needs: tensor-parallel ranks need the same."""
        place = self.place(rank)
        return place.data * self.shape.fsdp + place.fsdp


def mesh_of(args: Args, nodes: int, per_node: int) -> Mesh:
    """The mesh of that many nodes and devices in each, if `problems` found nothing wrong."""
    ici, dcn = _rows(args)
    return Mesh(_filled(ici, per_node), _filled(dcn, nodes))


def problems(args: Args, nodes: int, per_node: int) -> Iterable[Problem]:
    """What is wrong with the two rows."""
    ici, dcn = _rows(args)
    for row, name, count, what in ((ici, "ici", per_node, "ranks of a node"), (dcn, "dcn", nodes, "nodes")):
        names = [f"{name}_{axis}" for axis in Place._fields if hasattr(args, f"{name}_{axis}")]
        if row.count(0) > 1:
            yield Problem("only one of them can take what the others leave", ", ".join(names), "give all but one")
        elif math.prod(_filled(row, count)) != count:
            spelt = " x ".join(f"{n}={getattr(args, n)}" for n in names)
            remedy = f"--set {names[1]}=0 takes what the others leave, or give degrees whose product is {count}"
            yield Problem(f"{count} {what} do not fill {spelt}", ", ".join(names), remedy)


def _rows(args: Args) -> tuple[Place, Place]:
    """As they are given: 0 takes what the others leave."""
    ici = Place(args.ici_data, args.ici_fsdp, args.ici_tensor)
    return ici, Place(args.dcn_data, args.dcn_fsdp, 1)  # a matrix product over the network would wait for it


def _filled(row: Place, count: int) -> Place:
    rest = max(1, count // math.prod(degree or 1 for degree in row))
    return Place(*(degree or rest for degree in row))


def _digits(number: int, lengths: Place) -> Place:
    """The last axis counts fastest."""
    number, tensor = divmod(number, lengths.tensor)
    return Place(number // lengths.fsdp, number % lengths.fsdp, tensor)
