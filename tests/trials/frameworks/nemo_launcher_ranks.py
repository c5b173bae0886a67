"""Imports megatron-core and Hydra for test_nemo_launcher.py. Also composes, counts, and trains in many layouts."""

from __future__ import annotations

import importlib
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist

from seatrial.cases.megatron_lm.options import parse
from seatrial.cases.nemo_launcher import RECIPES, Args, configuration, mapping, nemo, train
from seatrial.cases.nemo_launcher.compose import composed, flat
from seatrial.cases.nemo_launcher.stages import Stages
from seatrial.errors import UserError
from seatrial.spec import Layout
from seatrial.train.shims.cuda import cuda_on_cpu
from seatrial.train.worker import start
from tests.trials.frameworks.ranks import serve


def compositions() -> None:
    """Hydra's tree of every recipe, and what it says of overrides."""
    run = Path(os.environ["SEATRIAL_RUN"])
    places: dict[str, Any] = {"run": Path("RUN"), "data": Path("DATA")}
    asked = json.loads((run / "asked.json").read_text())
    found: dict[str, Any] = {"recipes": {}, "overrides": {}}
    for recipe in RECIPES:
        device: Any = "cuda" if recipe.instance_type else "cpu"
        layout = Layout(nodes=recipe.nodes, processes_per_node=recipe.processes_per_node or 8, device=device)
        found["recipes"][recipe.name] = flat(composed(recipe.args, layout, **places))
    for text in asked:
        args = replace(RECIPES[0].args, overrides=text)
        try:
            tree = composed(args, Layout(nodes=1, processes_per_node=2, device="cpu"), **places)
            found["overrides"][text] = flat(tree)
        except UserError as error:
            found["overrides"][text] = str(error)
    (run / "found.json").write_text(json.dumps(found))
    os._exit(0)


def sizes() -> None:
    """Parameters of each recipe as megatron-core itself builds it from NeMo's keys, on the meta device."""
    from megatron.core import parallel_state

    from seatrial.cases.megatron_lm import build

    run = Path(os.environ["SEATRIAL_RUN"])
    dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    parallel_state.initialize_model_parallel()
    counts = {}
    for recipe in RECIPES:
        args = replace(recipe.args, tensor_parallel=1, pipeline_parallel=1, sequence_parallel=False)
        layout = Layout(nodes=1, processes_per_node=1, device="cpu")
        training = flat(composed(args, layout, run=run, data=run)["training"])
        training["model.make_vocab_size_divisible_by"] *= recipe.args.tensor_parallel
        options = options_for(args, training)
        with torch.device("meta"):
            model = build.gpt_model(options, build.transformer_config(options))
        counts[recipe.name] = sum(parameter.numel() for parameter in model.parameters())
    (run / "found.json").write_text(json.dumps(counts))
    os._exit(0)


def options_for(args: Args, training: dict[str, Any], *more: str) -> Any:
    kernels = train.kernels("cpu", False)
    return parse([*mapping.flags(training, args.vocab_size), "--distributed-backend", "gloo", *more, *kernels])


def layouts() -> None:
    """The same model on the same batches in one layout after the other, from the first one's weights."""
    from seatrial.cases.megatron_lm import checkpoint
    from seatrial.cases.megatron_lm.driver import Training

    with start() as worker:
        args = Args(**worker.args)
        layout = train.layout_of(worker)
        train.prepare(args, worker, layout)
        root = worker.run / "weights"
        found = {}
        for name, changes in json.loads((worker.run / "layouts.json").read_text()).items():
            changed = replace(args, **changes)
            training = flat(composed(changed, layout, run=worker.run, data=worker.data)["training"])
            index = ("--data-cache-path", str(worker.data / "megatron-index"))
            trainer = Training(options_for(args, training, "--save", str(root), "--finetune", *index), worker.device)
            if checkpoint.latest(root) is None:
                trainer.save()
            trainer.load(checkpoint.folder_of(root, 0))
            trainer.open_data()
            found[name] = []
            for _ in range(args.steps):
                trainer.step()
                found[name].append((trainer.loss, float(trainer.grad_norm or 0)))
            trainer.close()
        (worker.run / f"layouts-{worker.rank}.json").write_text(json.dumps(found))
        worker.end("completed", args.steps)


def pretrain() -> None:
    """As in NeMo's container: the program of `source`, with the configuration for GPUs."""
    with start() as worker:
        args = Args(**worker.args)
        layout = Layout(nodes=1, processes_per_node=2, device="cuda")
        assert configuration.by_nemo(args, layout)
        tree = composed(args, layout, run=worker.run.absolute(), data=worker.data.absolute())
        stages = Stages(tree, ["training"], worker.run)
        if worker.rank == 0:
            stages.write()
        train.run_start(train.driver_args(args), worker, nemo.newest(worker.run / "checkpoints"), model(args, stages))
        nemo.pretrain(args, worker, stages.configurations["training"], stages.folder)
        worker.end("completed", args.steps)


def model(args: Args, stages: Stages) -> Any:
    return train.model_of(args, stages)


def main() -> None:
    cuda_on_cpu()
    torch.set_num_threads(1)
    importlib.import_module("seatrial.cases.megatron_lm.driver")  # and with it megatron-core
    programs = {"train": train.main, "layouts": layouts, "sizes": sizes, "pretrain": pretrain}
    serve(None, {**programs, "compositions": compositions})


if __name__ == "__main__":
    main()
