"""Which ranks share what. One state for the process, as in the package.

Ranks are numbered as a grid [data, tensor], tensor-parallel ranks next to each other.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.distributed as dist

from seatrial.train.axis import Axis, axis_of


@dataclass(slots=True)
class _State:
    tensor: Axis
    data: Axis
    shared_kv: Axis | None = None
    """Ranks that hold the same key and value heads; None: no layer has asked for it yet."""
    kv_size: int = 1


_state: _State | None = None


def _now() -> _State:
    assert _state is not None, "initialize_model_parallel comes first"
    return _state


def initialize_model_parallel(tensor_model_parallel_size: int = 1) -> None:
    """Make the groups of all ranks; data parallelism takes what tensor parallelism leaves. A collective."""
    global _state
    rank, grid = dist.get_rank(), torch.arange(dist.get_world_size()).view(-1, tensor_model_parallel_size)
    _state = _State(tensor=axis_of(grid, rank), data=axis_of(grid.movedim(0, -1), rank))


def initialize_kv_group(kv_shared_group_size: int = 1) -> None:
    """Make the groups that share key and value heads. A collective, of which only the first does anything.

    As on trn1: heads K0 K1 ... follow one another, then again from K0, so that sharing ranks are far from each other.
    """
    state = _now()
    if state.shared_kv is None:
        grid = torch.arange(dist.get_world_size()).view(state.data.size, kv_shared_group_size, -1)
        state.shared_kv, state.kv_size = axis_of(grid.movedim(1, -1), dist.get_rank()), kv_shared_group_size
    assert state.kv_size == kv_shared_group_size, "all layers replicate key and value heads equally often"


def model_parallel_is_initialized() -> bool:
    """Whether there are groups."""
    return _state is not None


def destroy_model_parallel() -> None:
    """Forget the groups."""
    global _state
    _state = None


def tensor_axis() -> Axis:
    """Ranks that share each matrix."""
    return _now().tensor


def data_axis() -> Axis:
    """Ranks that hold the same slices, and see other data."""
    return _now().data


def shared_kv_axis() -> Axis:
    """Ranks that hold the same key and value heads of one replica."""
    shared = _now().shared_kv
    assert shared is not None, "initialize_kv_group comes first"
    return shared


def get_tensor_model_parallel_size() -> int:
    """Ranks that share each matrix."""
    return _now().tensor.size


def get_tensor_model_parallel_rank() -> int:
    """This rank's place among them."""
    return _now().tensor.rank


def get_pipeline_model_parallel_rank() -> int:
    """This rank's stage: there is one."""
    return 0


def get_data_parallel_size() -> int:
    """Replicas."""
    return _now().data.size


def get_data_parallel_rank() -> int:
    """The replica that this rank is a part of."""
    return _now().data.rank
