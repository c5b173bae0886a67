"""The weights of a checkpoint of our driver in one file: python -m seatrial.cases.nemo_launcher.convert FOLDER FILE

The file holds whole tensors under megatron-core's names, as torch.load reads them, whatever degrees they were trained
with; those of the layers stand in one tensor each, layer by layer.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import torch
import torch.distributed.checkpoint as dcp
from torch.distributed.checkpoint.metadata import TensorStorageMetadata

from seatrial.errors import ExitCode

OPTIMIZER = "optimizer."
"""Begins the names of the optimizer's tensors; all others are weights."""


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
    saved = dcp.FileSystemReader(folder).read_metadata().state_dict_metadata
    weights = {
        name: torch.empty(entry.size, dtype=entry.properties.dtype)
        for name, entry in saved.items()
        if isinstance(entry, TensorStorageMetadata) and not name.startswith(OPTIMIZER)
    }
    dcp.load(weights, checkpoint_id=folder, no_dist=True)
    return weights


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(ExitCode.USAGE)
    main(*sys.argv[1:])
