"""Where each array lies: the mesh of JAX's devices, and the axes along which every parameter and batch is split."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
from jax.sharding import AxisType, NamedSharding
from jax.sharding import PartitionSpec as P

from seatrial.cases.jax.mesh import Mesh, Place

ROWS = ("data", "fsdp")
"""Axes along which the sequences of a batch are dealt out."""
BATCH = P(None, ROWS, None)
"""[micro-batches, sequences, tokens]"""
ACTIVATIONS = P(ROWS, None, None)
"""[sequences, positions, hidden units]"""

# Matrices are [inputs, outputs], those of the blocks [layers, inputs, outputs]. The first matrix of a pair is cut by
# its outputs, the second by its inputs, so that only the second's result needs a sum over tensor.
_FIRST, _SECOND = P(None, "fsdp", "tensor"), P(None, "tensor", "fsdp")
SPECS: dict[str, P] = {
    "embedding": P("tensor", "fsdp"),
    "head": P("fsdp", "tensor"),
    **dict.fromkeys(("query", "key", "value", "gate", "up"), _FIRST),
    **dict.fromkeys(("output", "down"), _SECOND),
    **dict.fromkeys(("norm", "attention_norm", "feed_forward_norm"), P()),
}
"""Module -> how its one parameter is split."""


def device_mesh(mesh: Mesh) -> jax.sharding.Mesh:
    """The mesh of all processes' devices, one of each. XLA decides where arrays between the stated ones lie."""
    devices = np.empty(mesh.shape, dtype=object)
    for device in jax.devices():
        devices[mesh.place(device.process_index)] = device
    return jax.sharding.Mesh(devices, Place._fields, axis_types=(AxisType.Auto,) * len(Place._fields))


def parameter_shardings(parameters: Any, mesh: jax.sharding.Mesh) -> Any:
    """Parameters, or their shapes, as the shardings of them."""
    return jax.tree_util.tree_map_with_path(
        lambda path, _: NamedSharding(mesh, SPECS[path[-2].key]),
        parameters,
        is_leaf=lambda leaf: hasattr(leaf, "shape"),
    )


def to_devices(batch: np.ndarray[Any, Any], mesh: jax.sharding.Mesh, micro_batch_size: int, ways: int) -> jax.Array:
    """This process's sequences [B, S + 1] as its part of the global batch [micro-batches, sequences, S + 1]."""
    mine = batch.reshape(-1, micro_batch_size, batch.shape[-1])
    whole = (len(mine), micro_batch_size * ways, batch.shape[-1])
    return jax.make_array_from_process_local_data(NamedSharding(mesh, BATCH), mine, whole)
