"""A bare FSDP2 training loop, as one writes it by hand: no events, timers, heartbeats, signals or checkpoints.

One process per rank, started by loop_overhead.py, which says what it is for. argv[1] is a .npy file with this run's
batches, int32 [steps, ranks, sequences, tokens + 1], argv[2] the trainer's arguments as JSON. Prints a line of JSON
for each step: the time and this rank's loss.
"""

from __future__ import annotations

import json
import os
import sys
import time

import numpy as np
import torch
import torch.distributed as dist
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.nn.utils import clip_grad_norm_

from seatrial.models import LLAMA
from seatrial.train.model import Llama, initialise, rotary_table


def main() -> None:
    """One rank."""
    args = json.loads(sys.argv[2])
    dist.init_process_group("gloo")
    rank, world = dist.get_rank(), dist.get_world_size()
    batches = torch.from_numpy(np.load(sys.argv[1])[:, rank].astype(np.int64))
    config = LLAMA[args["model"]]
    with torch.device("meta"):
        model = Llama(config)
    mesh = init_device_mesh("cpu", (world,))
    fully_shard(model, mesh=mesh, reshard_after_forward=False)  # one unit, as the trainer makes of a model this small
    model.to_empty(device="cpu")
    initialise(model, args["seed"])
    cos, sin = rotary_table(config, args["sequence_length"], torch.device("cpu"))
    matrices = [p for p in model.parameters() if p.ndim > 1]
    scales = [p for p in model.parameters() if p.ndim == 1]
    optimizer = torch.optim.AdamW(
        [
            {"params": matrices, "weight_decay": args["weight_decay"]},
            {"params": scales, "weight_decay": 0.0},
        ],
        lr=args["learning_rate"],
        betas=(args["beta1"], args["beta2"]),
        fused=True,
    )
    micro = args["micro_batch_size"]
    accumulation = batches.shape[1] // micro
    for batch in batches:
        total = 0.0
        for index, tokens in enumerate(batch.split(micro)):
            model.set_requires_gradient_sync(index == accumulation - 1)
            loss = model(tokens[:, :-1], tokens[:, 1:], cos, sin) / accumulation
            loss.backward()
            total += loss.item()
        clip_grad_norm_(model.parameters(), args["grad_clip"])
        optimizer.step()
        optimizer.zero_grad()
        print(json.dumps({"time": time.time(), "loss": total}), flush=True)
    dist.barrier()
    sys.stdout.flush()
    os._exit(0)  # gloo's destructor can hang: see seatrial.rank.start


if __name__ == "__main__":
    main()
