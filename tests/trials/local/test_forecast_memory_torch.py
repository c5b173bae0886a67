"""Memory of the case fsdp against what PyTorch says: its tracker under fake tensors, its allocator under real ones.

The group of eight ranks is a fake one: it makes the buffers of collectives and communicates nothing.
"""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import torch
import torch.distributed as dist
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.distributed._tools.mem_tracker import MemTracker
from torch.distributed.device_mesh import DeviceMesh
from torch.profiler import ProfilerActivity, profile
from torch.testing._internal.distributed.fake_pg import FakeStore

from seatrial import workload
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
SMALL = replace(
    LLAMA["tiny"], vocab_size=1024, hidden_size=512, intermediate_size=2048, num_heads=8, num_kv_heads=4, num_layers=2
)
"""Its two layers share a unit."""
MIXTURE = replace(SMALL, intermediate_size=1024, num_experts=4, experts_per_token=2)
MESHES: dict[int, DeviceMesh] = {}
"""Size of a shard -> mesh. Made outside of the fake mode."""


@pytest.fixture(autouse=True)
def group() -> Iterator[None]:
    dist.init_process_group("fake", store=FakeStore(), rank=0, world_size=8)
    MESHES.update({size: make_mesh("cpu", 8, size) for size in (0, 2)})
    yield
    dist.destroy_process_group()


def made(args: fsdp.Args) -> tuple[Llama, torch.optim.Optimizer, tuple[Tensor, Tensor]]:
    """What the case makes of its arguments on one of eight ranks, and the rotary tables."""
    model = LLAMA[args.model]
    with torch.device("meta"):
        network = Llama(model)
    shard(
        network,
        network.layers(),
        MESHES[args.shard_size],
        precision=args.precision,
        recompute=args.recompute,
        compiled=False,
        cpu_offload=False,
        reshard_after_forward=args.reshard_after_forward,
    )
    network.to_empty(device="cpu")
    optimizer = adamw(network.parameters(), learning_rate=1e-4, betas=(0.9, 0.95), weight_decay=0.1)
    return network, optimizer, rotary_table(model, args.sequence_length, CPU)


def batches(args: fsdp.Args) -> list[Tensor]:
    """The micro-batches of a step."""
    here = args.global_batch_size // 8
    tokens = torch.randint(0, LLAMA[args.model].vocab_size, (here, args.sequence_length + 1))
    return list(tokens.split(args.micro_batch_size))


def tracked(args: fsdp.Args, *, whole: bool) -> int:
    """Bytes at the fullest moment of a step after the first, by torch's tracker.

    The optimizer's states are made before tracking begins: it takes those of the first step for unsharded ones. It
    starts anew with each forward pass of the same module.
    """
    with FakeTensorMode(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        network, optimizer, rotary = made(args)
        for parameter in network.parameters():
            parameter.grad = torch.zeros_like(parameter)
        optimizer.step()
        optimizer.zero_grad()
        found = batches(args)
        tracker = MemTracker()
        tracker.track_external(network, optimizer, *rotary)
        with tracker:
            for index, tokens in enumerate(found):
                if index:
                    tracker.reset_mod_stats()
                synchronise_gradients(network, not whole or index == len(found) - 1)
                network(tokens[:, :-1], tokens[:, 1:], *rotary).backward()
            optimizer.step()
        return int(tracker.get_tracker_snapshot("peak")[CPU]["Total"])


def allocated(args: fsdp.Args) -> int:
    """Bytes at the fullest moment of two steps on real tensors, by what PyTorch's allocator for CPUs reports."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as watching:
        network, optimizer, rotary = made(args)
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.fill_(0.01)
        for _ in range(2):
            for tokens in batches(args):
                network(tokens[:, :-1], tokens[:, 1:], *rotary).backward()
            optimizer.step()
            optimizer.zero_grad()
    changes = [event.nbytes() for event in watching.profiler.kineto_results.events() if event.name() == "[memory]"]
    assert len(changes) > 1000
    return max(itertools.accumulate(changes))


def forecast(monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any]) -> tuple[fsdp.Args, float]:
    """Arguments, and the bytes that are forecast of them."""
    for name, model in {"quiet": QUIET, "loud": LOUD, "small": SMALL, "mixture": MIXTURE}.items():
        monkeypatch.setitem(LLAMA, name, model)
    wanted = {"model": "quiet", "sequence_length": 2048, "micro_batch_size": 2, "global_batch_size": 16}
    args = fsdp.Args(steps=2, **wanted | settings)
    job = fsdp.workload(args, Layout(nodes=1, processes_per_node=8, device="cpu"))
    return args, memory.fullest(job)[1].allocated  # the fake group copies nothing, as gloo does


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
        {"sequence_length": 512, "global_batch_size": 32},
    ],
    ids=str,
)
def test_the_case_needs_what_torch_s_tracker_says(settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    args, found = forecast(monkeypatch, settings)
    assert found == pytest.approx(tracked(args, whole=True), rel=0.01)


def test_gradients_of_large_models_are_reduced_after_each_micro_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = {"sequence_length": 512, "micro_batch_size": 1, "global_batch_size": 16}
    _, whole = forecast(monkeypatch, settings)
    monkeypatch.setattr(workload, "WHOLE_BYTES", 500_000_000)  # the model's take 503 MB
    args, found = forecast(monkeypatch, settings)
    assert found < whole - 200_000_000
    assert found == pytest.approx(tracked(args, whole=False), rel=0.01)


@pytest.mark.parametrize(
    "settings",
    [
        {"model": "small", "recompute": "full"},
        {"model": "mixture"},
        {"model": "mixture", "recompute": "selective", "precision": "bf16"},
    ],
    ids=str,
)
def test_the_case_allocates_what_is_forecast(settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    batch = {"sequence_length": 256, "micro_batch_size": 4, "global_batch_size": 32, "precision": "fp32"}
    args, found = forecast(monkeypatch, batch | settings)
    assert found == pytest.approx(allocated(args), rel=0.05)
