"""Memory of the case fsdp against what PyTorch itself says: its MemTracker, under fake tensors and a fake group."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import torch
import torch.distributed as dist
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.distributed._tools.mem_tracker import MemTracker
from torch.testing._internal.distributed.fake_pg import FakeStore

from seatrial.cases import fsdp
from seatrial.forecast import memory
from seatrial.models import LLAMA
from seatrial.spec import Layout
from seatrial.train.model import Llama, rotary_table
from seatrial.train.optimizer import adamw
from seatrial.train.parallel import make_mesh, shard, synchronise_gradients

pytestmark = pytest.mark.torch

CPU = torch.device("cpu")
QUIET = replace(LLAMA["llama3.2-1b"], num_layers=2, vocab_size=1000, tie_embeddings=False)
LOUD = replace(QUIET, vocab_size=32_000, tie_embeddings=True)


@pytest.fixture(autouse=True)
def group() -> Iterator[None]:
    dist.init_process_group("fake", store=FakeStore(), rank=0, world_size=8)
    yield
    dist.destroy_process_group()


def tracked(args: fsdp.Args) -> int:
    """Bytes at the fullest moment of a step after the first, on one of eight ranks.

    The mesh is made outside of the fake mode, and the optimizer's states before tracking begins: the tracker takes
    those of the first step for unsharded ones. It starts anew with each forward pass of the same module.
    """
    model = LLAMA[args.model]
    mesh = make_mesh("cpu", 8, args.shard_size)
    accumulation = args.global_batch_size // (args.micro_batch_size * 8)
    with FakeTensorMode(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with torch.device("meta"):
            network = Llama(model)
        shard(
            network,
            network.layers(),
            mesh,
            precision=args.precision,
            recompute=args.recompute,
            compiled=False,
            cpu_offload=False,
            reshard_after_forward=args.reshard_after_forward,
        )
        network.to_empty(device="cpu")
        optimizer = adamw(network.parameters(), learning_rate=1e-4, betas=(0.9, 0.95), weight_decay=0.1)
        for parameter in network.parameters():
            parameter.grad = torch.zeros_like(parameter)
        optimizer.step()
        optimizer.zero_grad()
        rotary = rotary_table(model, args.sequence_length, CPU)
        batch = torch.randint(0, model.vocab_size, (args.micro_batch_size * accumulation, args.sequence_length + 1))
        tracker = MemTracker()
        tracker.track_external(network, optimizer, *rotary)
        with tracker:
            for index, tokens in enumerate(batch.split(args.micro_batch_size)):
                if index:
                    tracker.reset_mod_stats()
                synchronise_gradients(network, args.accumulate == "sharded" or index == accumulation - 1)
                network(tokens[:, :-1], tokens[:, 1:], *rotary).backward()
            optimizer.step()
        return int(tracker.get_tracker_snapshot("peak")[CPU]["Total"])


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"recompute": "selective"},
        {"recompute": "full"},
        {"precision": "fp32", "shard_size": 2},
        {"recompute": "full", "sequence_length": 256, "micro_batch_size": 1, "global_batch_size": 8},
        {"reshard_after_forward": False, "sequence_length": 512},
        {"model": "loud", "sequence_length": 4096, "recompute": "full"},  # the logits decide
        {"accumulate": "whole", "sequence_length": 512, "global_batch_size": 32},
        {"sequence_length": 512, "micro_batch_size": 1, "global_batch_size": 16},
    ],
    ids=str,
)
def test_the_case_needs_what_torch_says(settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(LLAMA, "quiet", QUIET)
    monkeypatch.setitem(LLAMA, "loud", LOUD)
    wanted = {"model": "quiet", "sequence_length": 2048, "micro_batch_size": 2, "global_batch_size": 16}
    args = fsdp.Args(steps=2, **wanted | settings)
    job = fsdp.workload(args, Layout(nodes=1, processes_per_node=8, device="cpu"))
    _, found = memory.fullest(job, on_gpu=False)
    assert found.allocated == pytest.approx(tracked(args), rel=0.01)
