"""Checkpoints in the package's layout: TAG/model and TAG/optim with a file for each slice, and TAG/done at the end."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist

from seatrial.cases.neuronx_distributed.standin import parallel_state


def save_checkpoint(
    checkpoint_dir_str: str,
    tag: str,
    model: Any = None,
    optimizer: Any = None,
    user_content: Any = None,
    num_kept_ckpts: int | None = None,
) -> None:
    """Write a checkpoint, and remove older ones than the newest `num_kept_ckpts`. A collective."""
    root, first = Path(checkpoint_dir_str), dist.get_rank() == 0
    folder = root / tag
    if first:
        shutil.rmtree(folder, ignore_errors=True)  # of an attempt that was killed while saving
        for name in ("model", "optim"):
            (folder / name).mkdir(parents=True)
    dist.barrier()
    replica = parallel_state.get_data_parallel_rank()
    zero1 = optimizer is not None and optimizer.nxd_config["optimizer_config"]["zero_one_enabled"]
    if model is not None and replica == 0:
        torch.save(model.state_dict(), folder / "model" / _slice(0))
    if optimizer is not None and (zero1 or replica == 0):
        torch.save(optimizer.state_dict(), folder / "optim" / _slice(replica))
    if first and user_content is not None:
        torch.save(user_content, folder / "user_content.pt")
    dist.barrier()
    if first:
        (folder / "done").write_text("1")
        complete = sorted(path.parent for path in root.glob("*/done"))
        for old in complete[:-num_kept_ckpts] if num_kept_ckpts else ():
            (old / "done").unlink()  # first: what is half removed is no checkpoint
            shutil.rmtree(old, ignore_errors=True)
    dist.barrier()


def load_checkpoint(path: str, tag: str, model: Any = None, optimizer: Any = None) -> Any:
    """Restore what is given. Returns the user's content."""
    folder = Path(path) / tag
    if model is not None:
        model.load_state_dict(_loaded(folder / "model" / _slice(0)))
    if optimizer is not None:
        zero1 = optimizer.nxd_config["optimizer_config"]["zero_one_enabled"]
        replica = parallel_state.get_data_parallel_rank() if zero1 else 0
        optimizer.load_state_dict(_loaded(folder / "optim" / _slice(replica)))
    content = folder / "user_content.pt"
    return _loaded(content) if content.is_file() else None


def _loaded(path: Path) -> Any:
    return torch.load(path, map_location="cpu", weights_only=True)


def _slice(replica: int) -> str:
    tensor = parallel_state.get_tensor_model_parallel_rank()
    return f"dp_rank_{replica:02d}_tp_rank_{tensor:02d}_pp_rank_00.pt"
