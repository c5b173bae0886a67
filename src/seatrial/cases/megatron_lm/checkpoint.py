"""Checkpoints through megatron-core's dist_checkpointing, in the folders that Megatron-LM itself writes.

``iter_0000025/`` holds one; ``latest_checkpointed_iteration.txt`` names the newest that is complete, and is written
last. What a killed run left half-written is named by nobody, so it is never read.
"""

from __future__ import annotations

import os
import random
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from megatron.core import dist_checkpointing, parallel_state, tensor_parallel
from megatron.core.dist_checkpointing.mapping import ShardedObject
from megatron.core.dist_checkpointing.serialization import get_default_save_sharded_strategy
from megatron.core.dist_checkpointing.strategies.fully_parallel import FullyParallelSaveStrategyWrapper
from megatron.core.utils import unwrap_model

from seatrial.cases.megatron_lm.adam import loadable

TRACKER = "latest_checkpointed_iteration.txt"


def folder_of(root: Path, iteration: int) -> Path:
    """Folder of one checkpoint."""
    return root / f"iter_{iteration:07d}"


def latest(root: Path) -> int | None:
    """Iteration of the newest complete checkpoint; None if there is none."""
    try:
        return int((root / TRACKER).read_text())
    except FileNotFoundError:
        return None


def save(root: Path, iteration: int, model: Any, optimizer: Any, schedule: Any, common: dict[str, Any]) -> Path:
    """Write a checkpoint, and then name it as the newest. A collective."""
    folder = folder_of(root, iteration)
    if dist.get_rank() == 0:
        shutil.rmtree(folder, ignore_errors=True)  # what a killed run left of the same iteration
        folder.mkdir(parents=True)
    dist.barrier()
    state = {**_state(model, optimizer, loading=False), "opt_param_scheduler": schedule.state_dict(), **common}
    # Data-parallel ranks hold the same weights: each writes a part of them.
    writers = FullyParallelSaveStrategyWrapper(
        get_default_save_sharded_strategy(), parallel_state.get_data_parallel_group(with_context_parallel=True)
    )
    dist_checkpointing.save(state, str(folder), writers, content_metadata=_content(for_disk=True))
    if dist.get_rank() == 0:
        unfinished = root / f".{TRACKER}"
        unfinished.write_text(str(iteration))
        os.replace(unfinished, root / TRACKER)
    dist.barrier()
    return folder


def load(folder: Path, model: Any, optimizer: Any, schedule: Any) -> dict[str, Any]:
    """Load a checkpoint; what `save` was given as `common` comes back. A collective."""
    with loadable(optimizer):
        loaded: dict[str, Any] = dist_checkpointing.load(_state(model, optimizer, loading=True), str(folder))
        unwrap_model(model).load_state_dict(loaded["model"])
        optimizer.load_state_dict(loaded["optimizer"])
    schedule.load_state_dict(loaded["opt_param_scheduler"])
    _restore_generators(loaded["rng_state"])
    return loaded


def load_weights(folder: Path, model: Any) -> None:
    """Load the weights alone, from a checkpoint of any layout. A collective."""
    bare = unwrap_model(model)
    loaded = dist_checkpointing.load({"model": bare.sharded_state_dict(metadata=_content())}, str(folder))
    bare.load_state_dict(loaded["model"])


def prune(root: Path, keep: int) -> None:
    """Remove all but the newest `keep` checkpoints. For one rank, after a save."""
    done = latest(root)
    complete = sorted(path for path in root.glob("iter_*") if done is not None and path <= folder_of(root, done))
    for path in complete[:-keep]:
        shutil.rmtree(path)


def _state(model: Any, optimizer: Any, *, loading: bool) -> dict[str, Any]:
    weights = unwrap_model(model).sharded_state_dict(metadata=_content())
    return {
        "model": weights,
        "optimizer": optimizer.sharded_state_dict(weights, is_loading=loading, metadata=_content()),
        "rng_state": _generators(),
    }


def _content(*, for_disk: bool = False) -> dict[str, Any]:
    """How state is laid out in the checkpoint: as Megatron-LM's defaults have it."""
    content: dict[str, Any] = {
        # Whole parameters rather than flat buffers: any other layout can read them.
        "distrib_optim_sharding_type": "fully_reshardable",
        "distrib_optim_fully_reshardable_mem_efficient": False,
        "singleton_local_shards": False,
        "chained_optim_avoid_prefix": True,
    }
    if not for_disk:
        content["dp_cp_group"] = parallel_state.get_data_parallel_group(with_context_parallel=True)
    return content


def _generators() -> ShardedObject:
    """This rank's random number generators; data-parallel ranks have the same ones."""
    mine = {
        "random_rng_state": random.getstate(),
        "np_rng_state": np.random.get_state(),
        "torch_rng_state": torch.get_rng_state(),
        "cuda_rng_state": torch.cuda.get_rng_state(),
        "rng_tracker_states": tensor_parallel.get_cuda_rng_tracker().get_states(),
    }
    size = (
        parallel_state.get_pipeline_model_parallel_world_size(),
        parallel_state.get_tensor_model_parallel_world_size(),
    )
    place = (parallel_state.get_pipeline_model_parallel_rank(), parallel_state.get_tensor_model_parallel_rank())
    replica = parallel_state.get_data_parallel_rank(with_context_parallel=True)
    return ShardedObject("rng_state", [mine], size, place, replica_id=replica)


def _restore_generators(states: list[dict[str, Any]]) -> None:
    (mine,) = states
    random.setstate(mine["random_rng_state"])
    np.random.set_state(mine["np_rng_state"])
    torch.set_rng_state(mine["torch_rng_state"])
    torch.cuda.set_rng_state(mine["cuda_rng_state"])
    tensor_parallel.get_cuda_rng_tracker().set_states(mine["rng_tracker_states"])
