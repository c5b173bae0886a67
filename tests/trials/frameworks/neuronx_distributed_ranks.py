"""Forks the ranks for test_neuronx_distributed.py. Also trains in many layouts, beside an undivided other model."""

from __future__ import annotations

import importlib
import json
import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from seatrial.cases.neuronx_distributed import Args, train
from seatrial.cases.neuronx_distributed.api import nxd, parallel_state
from seatrial.cases.neuronx_distributed.configuration import configure, options
from seatrial.cases.neuronx_distributed.convert import Grid, merge, shard
from seatrial.cases.neuronx_distributed.model import Llama, place_of
from seatrial.cases.neuronx_distributed.models import MODELS
from seatrial.cases.neuronx_distributed.neuron import NeuronWorker
from seatrial.rank.start import start
from seatrial.train.agreement import replicas_agree
from seatrial.train.model import Llama as Undivided
from seatrial.train.model import initialise, rotary_table
from seatrial.train.timing import StepTimer
from tests.trials.frameworks.ranks import serve

NAMES = {
    "embedding": "model.embed_tokens",
    "blocks.": "model.layers.",
    "attention_norm": "input_layernorm",
    "feed_forward_norm": "post_attention_layernorm",
    "attention.query": "self_attn.q_proj",
    "attention.key": "self_attn.k_proj",
    "attention.value": "self_attn.v_proj",
    "attention.output": "self_attn.o_proj",
    "feed_forward.gate": "mlp.gate_proj",
    "feed_forward.up": "mlp.up_proj",
    "feed_forward.down": "mlp.down_proj",
    "head.": "lm_head.",
}
"""Beginning or part of a name in our reference model -> in the hub's."""


def hub_name(name: str) -> str:
    for ours, theirs in NAMES.items():
        name = name.replace(ours, theirs)
    return "model.norm.weight" if name == "norm.weight" else name


def batches(args: Args) -> list[Tensor]:
    generator = torch.Generator().manual_seed(7)
    shape = (args.global_batch_size, args.sequence_length + 1)
    return [torch.randint(MODELS[args.model].vocab_size, shape, generator=generator) for _ in range(args.steps)]


def undivided(args: Args) -> tuple[dict[str, Tensor], list[tuple[float, float]], dict[str, Tensor]]:
    """First weights with the hub's names, loss and gradient norm of each step, last weights: of our reference model."""
    config = MODELS[args.model]
    model = Undivided(config)
    initialise(model, args.seed)
    first = {hub_name(name): parameter.detach().clone() for name, parameter in model.named_parameters()}
    optimizer = torch.optim.AdamW(
        train.decay_groups(model, args.weight_decay), lr=args.learning_rate, betas=(args.beta1, args.beta2)
    )
    rotary = rotary_table(config, args.sequence_length, torch.device("cpu"))
    found = []
    for batch in batches(args):
        loss = model(batch[:, :-1], batch[:, 1:], *rotary)
        loss.backward()
        norm = nn.utils.clip_grad_norm_(model.parameters(), args.grad_clip or math.inf)
        optimizer.step()
        optimizer.zero_grad()
        found.append((loss.item(), norm.item()))
    return first, found, {hub_name(name): parameter.detach() for name, parameter in model.named_parameters()}


def layouts() -> None:
    """The same weights on the same batches, in one layout after the other."""
    with start(NeuronWorker) as worker:
        args = Args(**worker.args)
        full, expected, last = undivided(args)
        found: dict[str, Any] = {"undivided": expected}
        for name, changes in json.loads((worker.run / "layouts.json").read_text()).items():
            found[name] = divided(replace(args, **changes), worker, full, last)
        (worker.run / f"layouts-{worker.rank}.json").write_text(json.dumps(found))
        worker.end("completed", args.steps)


def divided(args: Args, worker: NeuronWorker, full: dict[str, Tensor], last: dict[str, Tensor]) -> dict[str, Any]:
    """Loss and norm of each step; how far weights are from `last` at the end, on average; whether replicas agree."""
    config, grid = MODELS[args.model], Grid(tensor=args.tensor_parallel, kv_replicator=args.kv_replicator)
    replicas = worker.world_size // args.tensor_parallel
    micro_batches = args.global_batch_size // (args.micro_batch_size * replicas)
    parallel_state.destroy_model_parallel()
    nxd_config = configure(args, micro_batches, 1)
    model = nxd.initialize_parallel_model(nxd_config, lambda: Llama(config, options(args, 1)))
    rank = parallel_state.get_tensor_model_parallel_rank()
    model.load_state_dict(shard(full, config, grid, rank, 0))
    optimizer = nxd.initialize_parallel_optimizer(
        nxd_config,
        torch.optim.AdamW,
        train.decay_groups(model, args.weight_decay),
        lr=args.learning_rate,
        betas=(args.beta1, args.beta2),
    )
    steps = []
    for batch in batches(args):
        mine = batch.chunk(replicas)[parallel_state.get_data_parallel_rank()]
        part = train.compute_gradients(args, worker, model, mine, micro_batches, StepTimer(worker.device))
        optimizer.step()
        optimizer.zero_grad()
        assert part is not None
        loss = worker.sum([part.item()])[0] / worker.world_size
        steps.append((loss, None if optimizer.grad_norm is None else float(optimizer.grad_norm)))
    agree = all([replicas_agree(0, 0.0, place, tensors) for place, tensors in parts(args, model)])
    everyone: list[Any] = [None] * worker.world_size
    torch.distributed.all_gather_object(everyone, (rank, dict(model.state_dict())))
    whole = merge({(rank, 0): state for rank, state in everyone}, config, grid)
    # Adam steps by the sign of a gradient that is all but zero, so that single weights may go the other way.
    distance = sum(float((whole[name] - last[name]).abs().sum()) for name in last)
    return {"steps": steps, "distance": distance / config.parameters(), "agree": agree}


def parts(args: Args, model: Any) -> Iterator[tuple[tuple[str, int], list[Tensor]]]:
    found: dict[tuple[str, int], list[Tensor]] = {}
    for name, parameter in model.named_parameters():
        found.setdefault(place_of(name, args.kv_replicator, adjacent=False), []).append(parameter.detach())
    yield from found.items()


def main() -> None:
    torch.set_num_threads(1)
    importlib.import_module("torch._dynamo")  # checkpointing and optimizers import it in each rank otherwise
    serve(None, {"train": train.main, "layouts": layouts})


if __name__ == "__main__":
    main()
