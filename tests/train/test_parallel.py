"""Sharding: precision, accumulation, tied weights, and the same training as on one unsharded model."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing
from torch import Tensor, nn
from torch.distributed.tensor import DTensor

from seatrial.models import LLAMA, Decoder
from seatrial.train import parallel
from seatrial.train.agreement import ranks_agree
from seatrial.train.checkpoint import Checkpointer
from seatrial.train.manifest import MANIFEST
from seatrial.train.model import Llama, initialise, rotary_table
from seatrial.train.optimizer import adamw
from seatrial.train.parallel import make_mesh, shard, synchronise_gradients
from seatrial.train.worker import Worker
from tests.ranks import JOB

pytestmark = pytest.mark.torch

CPU = torch.device("cpu")
UNIT_BYTES = parallel.UNIT_BYTES
CONFIG = Decoder(
    vocab_size=64,
    hidden_size=32,
    intermediate_size=48,
    num_layers=2,
    num_heads=4,
    num_kv_heads=2,
    max_context=64,
)
ROTARY = rotary_table(CONFIG, 16, CPU)


@pytest.fixture(autouse=True)
def each_block_is_a_unit(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a model of real size; blocks as small as these would all go with the root."""
    monkeypatch.setattr(parallel, "UNIT_BYTES", 1)


def sharded(config: Decoder = CONFIG, *, world: int = 1, shard_size: int = 0, **options: Any) -> Llama:
    """A model as the fsdp case makes it."""
    with torch.device("meta"):
        model = Llama(config)
    settings = {
        "precision": "fp32",
        "recompute": "none",
        "compiled": False,
        "cpu_offload": False,
        "reshard_after_forward": True,
    }
    shard(model, model.layers(), make_mesh("cpu", world, shard_size), **settings | options)
    model.to_empty(device="cpu")
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.fill_(math.nan)  # what the memory holds is not always zeros
    initialise(model, 0)
    return model


def whole(tensor: Tensor) -> Tensor:
    return (tensor.full_tensor() if isinstance(tensor, DTensor) else tensor).detach()


def optimizer_of(model: Llama) -> torch.optim.Optimizer:
    return adamw(model.parameters(), learning_rate=1e-2, betas=(0.9, 0.95), weight_decay=0.1)


def train(
    model: Llama,
    optimizer: torch.optim.Optimizer | None = None,
    *,
    steps: range = range(4),
    rank: int = 0,
    world: int = 1,
) -> list[float]:
    """Loss and gradient norm of one step after the other; every rank has its part of the same global batches."""
    optimizer = optimizer or optimizer_of(model)
    history: list[float] = []
    for step in steps:
        generator = torch.Generator().manual_seed(step)
        tokens = torch.randint(CONFIG.vocab_size, (4, 17), generator=generator)[rank::world]
        loss = model(tokens[:, :-1], tokens[:, 1:], *ROTARY)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        mean = loss.detach().clone()
        if world > 1:
            dist.all_reduce(mean)
        history += [mean.item() / world, whole(norm).item()]
    return history


# --- one rank ---


@pytest.mark.usefixtures("group")
class TestOneRank:
    """FSDP2 itself, in a group of one."""

    @pytest.mark.parametrize("tied", [False, True])
    @pytest.mark.parametrize("options", [{}, {"reshard_after_forward": False}, {"recompute": "full"}], ids=str)
    def test_training_is_that_of_the_unsharded_model(self, tied: bool, options: dict[str, Any]) -> None:
        config = replace(CONFIG, tie_embeddings=tied)
        plain = Llama(config)
        initialise(plain, 0)
        assert train(sharded(config, **options)) == pytest.approx(train(plain), rel=1e-5)

    def test_initialisation_reaches_every_shard(self) -> None:
        plain = Llama(CONFIG)
        initialise(plain, 0)
        expected = plain.state_dict()
        for name, parameter in sharded().named_parameters():
            assert isinstance(parameter, DTensor)
            assert torch.equal(whole(parameter), expected[name]), name

    def test_tied_embeddings_stay_one_tensor(self) -> None:
        model = sharded(replace(CONFIG, tie_embeddings=True))
        train(model)
        assert model.head.weight is model.embedding.weight
        assert sum(p.numel() for p in model.parameters()) == model.config.parameters()

    def test_bf16_is_computed_in_and_fp32_is_stored(self) -> None:
        model = sharded(precision="bf16")
        seen: dict[str, Any] = {}

        def look(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
            seen["weight"] = module.query.weight.dtype
            seen["inputs"] = [tensor.dtype for tensor in inputs]
            seen["output"] = output.dtype

        model.layers()[1].attention.register_forward_hook(look)
        loss = model(torch.zeros(1, 16, dtype=torch.int64), torch.zeros(1, 16, dtype=torch.int64), *ROTARY)
        loss.backward()
        assert seen["weight"] == seen["output"] == torch.bfloat16
        # cos and sin: in bf16 neighbouring positions would become one
        assert seen["inputs"] == [torch.bfloat16, torch.float32, torch.float32]
        assert loss.dtype == torch.float32
        assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
        assert {parameter.grad.dtype for parameter in model.parameters()} == {torch.float32}

    def test_bf16_trains_like_fp32(self) -> None:
        assert train(sharded(precision="bf16")) == pytest.approx(train(sharded()), rel=0.05)

    def test_gradients_of_micro_batches_are_added_up_in_fp32(self) -> None:
        model = OneBlock()
        apply(model, world=1)
        for value, last in ((1.0, False), (2.0**-10, True)):
            synchronise_gradients(model, last)
            model(torch.full((8,), value, dtype=torch.bfloat16)).backward()
        assert torch.equal(whole(model.block.weight.grad), torch.full((8,), 1 + 2.0**-10))

    def test_gradients_appear_with_the_last_micro_batch(self) -> None:
        model = sharded()
        tokens = torch.zeros(1, 17, dtype=torch.int64)
        synchronise_gradients(model, False)
        model(tokens[:, :-1], tokens[:, 1:], *ROTARY).backward()
        assert all(parameter.grad is None for parameter in model.parameters())
        synchronise_gradients(model, True)
        model(tokens[:, :-1], tokens[:, 1:], *ROTARY).backward()
        assert all(parameter.grad is not None for parameter in model.parameters())

    def test_a_mesh_of_all_ranks_has_one_dimension(self) -> None:
        for shard_size in (0, 1):
            mesh = make_mesh("cpu", 1, shard_size)
            assert (mesh.mesh_dim_names, tuple(mesh.shape)) == (("shard",), (1,))

    def test_ranks_agree_on_a_sharded_model(self) -> None:
        assert ranks_agree(sharded(), 3, 1.5)


def test_synchronising_a_plain_model_does_nothing() -> None:
    synchronise_gradients(nn.Linear(2, 2), False)


class Weight(nn.Module):
    """Its weight's gradient is its input."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(8))

    def forward(self, x: Tensor) -> Tensor:
        return (self.weight * x).sum()


class OneBlock(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.block = Weight()

    def forward(self, x: Tensor) -> Tensor:
        return self.block(x)


def apply(model: OneBlock, *, world: int) -> None:
    blocks: Any = [model.block]
    mesh = make_mesh("cpu", world, 0)
    shard(
        model,
        blocks,
        mesh,
        precision="bf16",
        recompute="none",
        compiled=False,
        cpu_offload=False,
        reshard_after_forward=True,
    )


# --- two ranks ---


def be_a_rank(rank: int, folder: Path) -> None:
    """Runs in a process of its own; writes what it found."""
    parallel.UNIT_BYTES = 1  # a process of its own: the fixture does not reach it
    os.environ |= {"GLOO_SOCKET_IFNAME": "lo", "RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2"}
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=2)
    found: dict[str, Any] = {}
    for name, shard_size in (("full", 0), ("hybrid", 1)):
        model = sharded(world=2, shard_size=shard_size)
        mesh = next(model.parameters()).device_mesh
        found[name] = {
            "mesh": [list(mesh.mesh_dim_names or ()), list(mesh.shape)],
            "local elements": sum(p.to_local().numel() for p in model.parameters()),
            "history": train(model, rank=rank, world=2),
            "agree": ranks_agree(model, 4, 1.0),
            "agree on another loss": ranks_agree(model, 4, 1.0 + rank),
        }
        if rank == 1:
            next(model.parameters()).to_local().view(-1).view(torch.int32)[3] ^= 1
        found[name]["agree after a flipped bit"] = ranks_agree(model, 4, 1.0)

    small = OneBlock()
    apply(small, world=2)
    small(torch.full((8,), 1.0 if rank == 0 else 2.0**-10, dtype=torch.bfloat16)).backward()
    found["reduced gradient"] = whole(small.block.weight.grad).tolist()

    (folder / f"rank-{rank}.json").write_text(json.dumps(found))

    model = sharded(world=2)
    optimizer = optimizer_of(model)
    worker = Worker(folder / "run", JOB)
    checkpointer = Checkpointer(worker, model, optimizer, keep=1, asynchronous=True)
    train(model, optimizer, rank=rank, world=2)
    assert checkpointer.save(4, {"lanes": [rank]})
    assert checkpointer.close()
    dist.barrier()
    os._exit(0)  # without destructors, as the worker does


@pytest.mark.slow
@pytest.mark.usefixtures("group")
def test_two_ranks(tmp_path: Path, make_worker: Callable[..., Worker]) -> None:
    worker = make_worker()  # of the next attempt, which has one rank
    torch.multiprocessing.spawn(be_a_rank, args=(tmp_path,), nprocs=2)
    ranks = [json.loads((tmp_path / f"rank-{rank}.json").read_text()) for rank in range(2)]
    hybrid_sharding_equals_full_sharding(ranks)
    a_checkpoint_of_two_ranks_is_loaded_by_one(worker)


def hybrid_sharding_equals_full_sharding(ranks: list[dict[str, Any]]) -> None:
    alone = train(sharded())
    for found in ranks:
        full, hybrid = found["full"], found["hybrid"]
        assert full["mesh"] == [["shard"], [2]]
        assert hybrid["mesh"] == [["replicate", "shard"], [2, 1]]
        assert full["local elements"] * 2 == hybrid["local elements"] == CONFIG.parameters()
        assert full["history"] == pytest.approx(alone, rel=1e-5)
        assert hybrid["history"] == pytest.approx(alone, rel=1e-5)
        assert [full["agree"], hybrid["agree"]] == [True, True]
        assert [full["agree on another loss"], hybrid["agree on another loss"]] == [False, False]
        assert hybrid["agree after a flipped bit"] is False
        assert full["agree after a flipped bit"] is True, "ranks that hold different weights cannot compare them"
        # The mean of 1 and 2^-10, which bf16 cannot hold
        assert found["reduced gradient"] == [(1 + 2.0**-10) / 2] * 8
    assert ranks[0]["full"]["history"] == ranks[1]["full"]["history"]


def a_checkpoint_of_two_ranks_is_loaded_by_one(worker: Worker) -> None:
    model = sharded()
    optimizer = optimizer_of(model)
    checkpointer = Checkpointer(worker, model, optimizer, keep=1, asynchronous=False)
    (folder,) = checkpointer.folder.iterdir()
    vouched_for = set(json.loads((folder / MANIFEST).read_text())["files"])
    assert vouched_for == {path.name for path in folder.iterdir()} - {MANIFEST}
    assert {name.split("_")[2] for name in vouched_for if name.endswith(".distcp")} == {"0", "1"}, "files of both ranks"
    random = torch.get_rng_state()
    loaded = checkpointer.load()
    checkpointer.close()
    assert loaded is not None
    assert (loaded.step, loaded.ranks) == (4, [{"lanes": [0]}, {"lanes": [1]}])
    assert torch.equal(torch.get_rng_state(), random), "the random states of other ranks are of no use"

    undisturbed = sharded()
    expected = train(undisturbed, steps=range(8))
    assert train(model, optimizer, steps=range(4, 8)) == pytest.approx(expected[8:], rel=1e-5)


@pytest.mark.parametrize(
    ("layers", "unit_bytes", "sizes"),
    [
        (4, 1, [1, 1, 1, 1]),  # every block is large enough
        (5, 2, [2, 2, 1]),
        (4, 4, [4]),  # exactly one unit
        (4, 5, []),  # less than one: with the root
    ],
)
def test_small_blocks_share_a_unit(
    monkeypatch: pytest.MonkeyPatch, layers: int, unit_bytes: int, sizes: list[int]
) -> None:
    """`unit_bytes` counts in blocks."""
    with torch.device("meta"):
        blocks = Llama(replace(CONFIG, num_layers=layers)).layers()
    block_bytes = sum(p.numel() * p.element_size() for p in blocks[0].parameters())
    monkeypatch.setattr(parallel, "UNIT_BYTES", unit_bytes * block_bytes)
    found = parallel.units(blocks)
    assert [len(unit) for unit in found] == sizes
    assert [block for unit in found for block in unit] == (blocks if sizes else [])


def test_a_block_of_a_real_model_is_a_unit_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel, "UNIT_BYTES", UNIT_BYTES)
    with torch.device("meta"):
        blocks = Llama(LLAMA["llama3.2-1b"]).layers()
    assert [len(unit) for unit in parallel.units(blocks)] == [1] * 16
