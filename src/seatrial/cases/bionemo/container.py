"""BioNeMo's own programs, run in this process of its container with arguments that we write.

BioNeMo 2.5: bionemo.esm2.scripts.train_esm2 of the package bionemo-esm2. BioNeMo 1.2: pretrain.py in the folder
examples/protein/esm1nv, configured by Hydra. What they are given stands in the run's
folder: ``bionemo.txt``, an argument a line.
"""

from __future__ import annotations

import importlib
import os
import runpy
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from seatrial import versions
from seatrial.cases.bionemo import Args
from seatrial.cases.bionemo.log import Reader
from seatrial.errors import ExitCode, Problem, UserError
from seatrial.models import ESM
from seatrial.rank import announce
from seatrial.rank.console import console
from seatrial.train.worker import Worker

PRETRAIN = "examples/protein/esm1nv/pretrain.py"
"""In the folder that BIONEMO_HOME names in BioNeMo 1's image."""
DATA_WORKERS = 8
"""Processes per rank that read data."""


def train(args: Args, worker: Worker, folder: Path) -> None:
    """Run the program from its newest checkpoint to its end. It saves, and finds what it saved, by itself."""
    nodes = worker.world_size // worker.processes_per_node
    results = (worker.run / "checkpoints").resolve()
    if args.engine == "bionemo":
        argv = train_esm2(args, nodes, worker.processes_per_node, folder.resolve(), results)
    else:
        files = {split: len(list((folder / split).glob("x*.csv"))) for split in ("train", "val", "test")}
        argv = esm1nv(args, nodes, worker.processes_per_node, folder.resolve(), results, files)
    if worker.rank == 0:
        (worker.run / "bionemo.txt").write_text("\n".join(argv) + "\n", encoding="utf-8")
    announce.run_start(
        worker,
        steps=args.steps,
        parameters=ESM[args.model].parameters(),
        flops_per_token=ESM[args.model].flops_per_token(args.sequence_length),
        dtype="fp32" if args.precision == "fp32" else "bf16",  # the peak of fp16 is the same
        packages=("bionemo-core", "bionemo-esm2", "nemo-toolkit", "megatron-core"),
    )
    with console(worker, Reader(args, worker.world_size)):
        sys.stdout = LineByLine(sys.stdout)
        run_program(args, argv)
    worker.part()  # rank 0 has seen the last step
    if worker.rank != 0 or worker.last_step >= args.steps:
        worker.end("completed", args.steps)
        return
    worker.end("failed", worker.last_step, reason="the program ended before the last step")
    sys.exit(ExitCode.FAILED)


def run_program(args: Args, argv: list[str]) -> None:
    """Run the program of the container that this process is in."""
    try:
        if args.engine == "bionemo":
            sys.argv = ["train_esm2", *argv]
            importlib.import_module("bionemo.esm2.scripts.train_esm2").train_esm2_entrypoint()
        else:
            program = Path(os.environ.get("BIONEMO_HOME", "/workspace/bionemo"), PRETRAIN)
            sys.argv = [str(program), *argv]
            runpy.run_path(str(program), run_name="__main__")
    except (ModuleNotFoundError, FileNotFoundError) as error:
        remedy = f"set image to one made of {versions.BASES[args.engine].tagged} in seatrial.toml"
        raise UserError(Problem(f"BioNeMo is not there: {error}", "engine", remedy)) from error


class LineByLine:
    """A stream in which each state of a progress bar is a line: so the reader sees all of them."""

    def __init__(self, target: Any) -> None:
        self.target = target

    def write(self, text: str) -> int:
        """Write it, with line ends for carriage returns."""
        self.target.write(text.replace("\r", "\n"))
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.target, name)


def train_esm2(args: Args, nodes: int, processes: int, data: Path, results: Path) -> list[str]:
    """The arguments of BioNeMo 2's train_esm2. Training and validation have files of their own."""
    shape = ESM[args.model]
    options: dict[str, Any] = {
        "train-cluster-path": data / "train_clusters.parquet",
        "train-database-path": data / "train.db",
        "valid-cluster-path": data / "valid_clusters.parquet",
        "valid-database-path": data / "valid.db",
        "result-dir": results,
        "experiment-name": "esm2",
        "num-nodes": nodes,
        "num-gpus": processes,
        "num-steps": args.steps,
        "warmup-steps": args.warmup_steps,
        "lr": args.learning_rate,
        "precision": {"bf16": "bf16-mixed", "fp32": "32"}[args.precision],
        "micro-batch-size": args.micro_batch_size,
        "accumulate-grad-batches": args.global_batch_size // (args.micro_batch_size * nodes * processes),
        # Equal: every protein is padded to full length.
        "min-seq-length": args.sequence_length,
        "max-seq-length": args.sequence_length,
        "num-layers": shape.num_layers,
        "hidden-size": shape.hidden_size,
        "num-attention-heads": shape.num_heads,
        "ffn-hidden-size": shape.intermediate_size,
        "val-check-interval": args.validation_every,
        "limit-val-batches": args.validation_batches,
        "save-top-k": args.checkpoint_keep,
        "log-every-n-steps": args.log_every,
        "num-dataset-workers": DATA_WORKERS,
    }
    return [*(f"--{name}={value}" for name, value in options.items()), "--resume-if-exists"]


def esm1nv(args: Args, nodes: int, processes: int, data: Path, results: Path, files: Mapping[str, int]) -> list[str]:
    """Hydra's overrides of BioNeMo 1's pretrain_small.yaml. `files`: how many x000.csv, x001.csv ... a split has.

    Each split's own folder, and as many files as are in it; the tokenizer is the one that the image has.
    """
    shape = ESM[args.model]
    options: dict[str, Any] = {
        "trainer.num_nodes": nodes,
        "trainer.devices": processes,
        "trainer.max_steps": args.steps,
        "trainer.precision": {"fp16": 16, "fp32": 32}[args.precision],
        "trainer.accumulate_grad_batches": args.global_batch_size // (args.micro_batch_size * nodes * processes),
        "trainer.gradient_clip_val": args.grad_clip,
        "trainer.val_check_interval": args.validation_every,
        "trainer.limit_val_batches": args.validation_batches,
        "trainer.log_every_n_steps": args.log_every,
        "exp_manager.exp_dir": results,
        "exp_manager.create_wandb_logger": False,
        "exp_manager.resume_if_exists": True,
        "exp_manager.checkpoint_callback_params.save_top_k": args.checkpoint_keep,
        "model.micro_batch_size": args.micro_batch_size,
        "model.seq_length": args.sequence_length,
        "model.num_layers": shape.num_layers,
        "model.hidden_size": shape.hidden_size,
        "model.ffn_hidden_size": shape.intermediate_size,
        "model.num_attention_heads": shape.num_heads,
        "model.seed": args.seed,
        "model.optim.lr": args.learning_rate,
        "model.optim.weight_decay": args.weight_decay,
        "model.optim.betas": f"[{args.beta1},{args.beta2}]",
        "model.optim.sched.warmup_steps": args.warmup_steps,
        "model.optim.sched.min_lr": args.min_learning_rate,
        "model.data.dataset_path": data,
        **{f"model.data.dataset.{split}": file_range(count) for split, count in files.items()},
        # Its index is written beside the run: prepared data stay as they are.
        "model.data.index_mapping_dir": results.parent / "index",
        "model.data.num_workers": DATA_WORKERS,
        "model.dwnstr_task_validation.enabled": False,
    }
    return ["--config-name=pretrain_small", *(f"{name}={value}" for name, value in options.items())]


def file_range(count: int) -> str:
    """``x[000..049]``, as BioNeMo 1 names the files of a folder; ``x000`` for one."""
    return f"x[000..{count - 1:03d}]" if count > 1 else "x000"
