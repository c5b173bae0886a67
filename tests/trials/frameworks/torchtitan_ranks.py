"""Imports torchtitan for test_torchtitan.py. Facts: its flavors. Also trains on the same batches in many layouts."""

from __future__ import annotations

import contextlib
import io
import itertools
import json
import types
from collections.abc import Iterator
from dataclasses import asdict, replace
from typing import Any

import torch

from seatrial.cases.torchtitan import Args, train
from seatrial.cases.torchtitan.flavors import FLAVORS
from seatrial.train.shims.device import answer_for_cpu
from seatrial.train.shims.stubs import stub
from seatrial.train.worker import Worker, start
from tests.trials.frameworks.ranks import serve

answer_for_cpu(torch.device("cpu"))
stub("triton")
import torchtitan.train  # noqa: E402
from torchtitan.models.llama3 import Transformer, llama3_args  # noqa: E402

LAYOUTS: dict[str, dict[str, Any]] = {
    "fsdp": {"micro_batch_size": 2},
    "accumulated": {"micro_batch_size": 1},
    "hybrid": {"micro_batch_size": 2, "data_parallel_replicate": 2},
    "tensor": {"micro_batch_size": 8, "tensor_parallel": 4},
    "tensor and fsdp": {"micro_batch_size": 4, "tensor_parallel": 2},
    "replicated": {"micro_batch_size": 2, "data_parallel_replicate": 4},
    "pipeline and fsdp": {"micro_batch_size": 4, "pipeline_parallel": 2},
}
"""Of four ranks; always eight sequences a step."""


def flavors() -> dict[str, dict[str, Any]]:
    """torchtitan's own arguments and parameter counts, and what we make of its FLOPs per token at 8192 tokens."""
    found = {}
    for name in FLAVORS:
        args = llama3_args[name]
        with torch.device("meta"):
            model = Transformer(args)
        parameters, full = args.get_nparams_and_flops(model, 8192)
        found[name] = asdict(args) | {"parameters": parameters, "flops": train.by_convention(full, args, 8192)}
    return found


def layouts() -> None:
    """Train on the same batches in one layout after the other; what each step logged, to layouts-RANK.json."""
    with start(join=False) as worker:
        found = {name: logged(replace(Args(**worker.args), **changes), worker) for name, changes in LAYOUTS.items()}
        (worker.run / f"layouts-{worker.rank}.json").write_text(json.dumps(found))


def logged(args: Args, worker: Worker) -> list[list[float]]:
    """Loss and gradient norm of each step."""
    trainer = train.make_trainer(args, worker, train.configure(args, worker))
    trainer.batch_generator = lambda _: batches(args, trainer)
    found = []
    trainer.metrics_processor.log = lambda _, loss, __, norm, **___: found.append([loss, norm])
    with contextlib.redirect_stdout(io.StringIO()):
        trainer.train()
    trainer.close()
    return found


def batches(args: Args, trainer: Any) -> Iterator[tuple[dict[str, torch.Tensor], torch.Tensor]]:
    """This rank's part of global batches that are the same in every layout."""
    ranks, rank = 1, 0
    if trainer.parallel_dims.dp_enabled:
        mesh = trainer.parallel_dims.get_mesh("batch")
        ranks, rank = mesh.size(), mesh.get_local_rank()
    for step in itertools.count():
        generator = torch.Generator().manual_seed(step)
        tokens = torch.randint(0, 250, (args.global_batch_size, args.sequence_length + 1), generator=generator)
        for part in tokens.chunk(ranks)[rank].split(args.micro_batch_size):
            yield {"input": part[:, :-1].contiguous()}, part[:, 1:].contiguous()


def main() -> None:
    torch.set_num_threads(1)
    # torchtitan sleeps at the end, so that others may finish; Seatrial waits for them anyway.
    torchtitan.train.time = types.SimpleNamespace(perf_counter=torchtitan.train.time.perf_counter, sleep=lambda _: None)
    serve(flavors(), {"train": train.main, "layouts": layouts})


if __name__ == "__main__":
    main()
