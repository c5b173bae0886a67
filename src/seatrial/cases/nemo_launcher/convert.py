"""The weights of a checkpoint of our driver in one file: python -m seatrial.cases.nemo_launcher.convert FOLDER FILE

The file holds whole tensors under megatron-core's names, as torch.load reads them, whatever degrees they were trained
with; those of the layers stand in one tensor each, layer by layer.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import torch
from torch.distributed.checkpoint import FileSystemReader
from torch.distributed.checkpoint.default_planner import _EmptyStateDictLoadPlanner
from torch.distributed.checkpoint.metadata import TensorStorageMetadata
from torch.distributed.checkpoint.state_dict_loader import _load_state_dict

from seatrial.errors import ExitCode

MODEL = "model."
"""Begins the names of a model's weights; the optimizer's begin otherwise."""


def main(checkpoints: str, file: str) -> None:
    """Convert the newest complete checkpoint."""
    root = Path(checkpoints)
    step = int((root / "latest_checkpointed_iteration.txt").read_text())
    weights = read(root / f"iter_{step:07d}")
    unfinished = Path(f"{file}.unfinished")
    torch.save({"iteration": step, "model": weights}, unfinished)
    os.replace(unfinished, file)
    count = sum(tensor.numel() for tensor in weights.values())
    print(f"{count:,} parameters of step {step} in {len(weights)} tensors: {file}")


def read(folder: Path) -> dict[str, torch.Tensor]:
    """Name -> whole tensor of every weight of a checkpoint."""
    reader = FileSystemReader(folder)
    saved = reader.read_metadata().state_dict_metadata
    print({k: type(v).__name__ for k, v in list(saved.items())[:5]})
    return {}


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(ExitCode.USAGE)
    main(*sys.argv[1:])
