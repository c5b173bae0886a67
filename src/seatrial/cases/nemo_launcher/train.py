"""Compose the tree, and run its stages one after the other. One process per accelerator; reads from top to bottom."""

from __future__ import annotations

import json
import os
import time
import warnings
from pathlib import Path
from typing import Any

from seatrial.attempts import Attempts
from seatrial.cases.megatron_lm import Args as MegatronArgs
from seatrial.cases.megatron_lm.data import tokenised, write_indexed
from seatrial.cases.megatron_lm.flags import kernels
from seatrial.cases.megatron_lm.train import run_start, trained
from seatrial.cases.nemo_launcher import Args, configuration, mapping, nemo
from seatrial.cases.nemo_launcher.compose import composed, flat
from seatrial.cases.nemo_launcher.log import Reader
from seatrial.cases.nemo_launcher.stages import Stages, command
from seatrial.cases.nemo_launcher.tree import STAGES
from seatrial.data.prepare import prepared
from seatrial.errors import Problem, UserError
from seatrial.events import read_events
from seatrial.rank.console import console
from seatrial.spec import Device, Layout
from seatrial.train.shims.cuda import cuda_on_cpu
from seatrial.train.worker import Worker, start


def main() -> None:
    """Run all stages, and exit with a code of ExitCode."""
    # megatron-core 0.16 calls what torch 2.13 calls by newer names.
    warnings.filterwarnings("ignore", category=FutureWarning, module=r"megatron\.|torch\.distributed")
    with start() as worker:
        args = Args(**worker.args)
        layout = layout_of(worker)
        worker.stage("compose")
        tree = composed(args, layout, run=worker.run.absolute(), data=worker.data.absolute())
        stages = Stages(tree, [name for name in STAGES if name in configuration.stages(args)], worker.run)
        if worker.rank == 0:
            stages.write()
        for name, value in tree["cluster"]["env_vars"].items():
            os.environ.setdefault(name, str(value))
        for name in stages.names:
            [done] = worker.on_any_rank(worker.rank == 0 and stages.done(name) is not None)
            run_stage(name, args, worker, layout, stages, done=done)
        worker.end("completed", args.steps, ranks_agree=(stages.done("training") or {}).get("ranks_agree"))


def layout_of(worker: Worker) -> Layout:
    """Where this job runs, as its ranks know it."""
    device: Device = "cuda" if worker.device.type == "cuda" else "cpu"
    each = worker.processes_per_node
    return Layout(nodes=worker.world_size // each, processes_per_node=each, device=device)


def run_stage(name: str, args: Args, worker: Worker, layout: Layout, stages: Stages, *, done: bool) -> None:
    """One stage on all ranks, unless it is done; what it leaves is noted when it has ended well."""
    worker.stage(f"{name}: done before" if done else name)
    found: dict[str, Any] = {}
    if name == "data_preparation" and not done:
        prepare(args, worker, layout)
    elif name == "training" and not done:
        found = {"ranks_agree": train(args, worker, layout, stages)}
    elif name == "training":
        run_start(driver_args(args), worker, args.steps, model_of(args, stages))
    elif not done:
        after_training(name, args, worker, stages)
    if worker.rank == 0 and not done:
        stages.finish(name, **found)


# --- data ---


def prepare(args: Args, worker: Worker, layout: Layout) -> None:
    """The .bin and .idx that training reads, made by whoever comes first, where there is something to make."""
    if args.dataset.startswith(configuration.INDEXED):
        return
    if args.dataset == configuration.MOCK and configuration.by_nemo(args, layout):
        return
    prefix = configuration.prefix(args, worker.data)

    def make(unfinished: Path) -> None:
        write_indexed(tokenised(driver_args(args), args.vocab_size), unfinished / prefix.name, args.vocab_size)

    prepared(prefix.parent, make, waiting=worker.alive)


# --- training ---


def train(args: Args, worker: Worker, layout: Layout, stages: Stages) -> bool | None:
    """Train to the last step. Whether the ranks agree; None: nobody can say."""
    if configuration.by_nemo(args, layout):
        run_start(driver_args(args), worker, nemo.newest(worker.run / "checkpoints"), model_of(args, stages))
        nemo.pretrain(args, worker, stages.configurations["training"], stages.folder)
        agree = None
    else:
        prepare(args, worker, layout)  # mock data, if no stage did
        agree = train_with_driver(args, worker, layout, stages)
    if args.benchmark and worker.rank == 0:
        write_result(args, worker)
    return agree


def train_with_driver(args: Args, worker: Worker, layout: Layout, stages: Stages) -> bool:
    """Train on megatron-core, by the flags that NeMo's keys become."""
    training = flat(stages.configurations["training"])
    refused = list(mapping.refused(training))
    if refused:
        raise UserError(refused)
    cuda_on_cpu()
    if layout.device == "cpu":  # a dozen times: no Apex, no Transformer Engine
        warnings.filterwarnings("ignore", category=UserWarning, module=r"megatron\.")
    with console(worker, Reader(args, worker.world_size)):
        return trained(driver_args(args), worker, command_line(args, worker, layout, training), model_of(args, stages))


def command_line(args: Args, worker: Worker, layout: Layout, training: dict[str, Any]) -> list[str]:
    """Megatron's flags: what the keys say, and what the place says."""
    root = str(worker.run / "checkpoints")
    place = ["--distributed-backend", worker.backend, "--data-cache-path", str(worker.data / "megatron-index")]
    saves = ["--save", root, "--load", root] if worker.keeps_checkpoints else []
    return [*mapping.flags(training, args.vocab_size), *place, *saves, *kernels(layout.device, False)]


def driver_args(args: Args) -> MegatronArgs:
    """What our driver asks beside its flags: how far, and what happens every so many steps."""
    return MegatronArgs(
        model=args.training,
        sequence_length=args.sequence_length,
        global_batch_size=args.global_batch_size,
        micro_batch_size=args.micro_batch_size,
        steps=args.steps,
        seed=args.seed,
        dataset="synthetic" if args.dataset == configuration.MOCK else args.dataset,
        data_tokens=configuration.tokens(args),
        tokenizer=args.tokenizer,
        precision=args.precision,
        validation_every=args.validation_every,
        validation_batches=args.validation_batches,
        checkpoint_every=args.checkpoint_every,
        checkpoint_keep=args.checkpoint_keep,
        log_every=args.log_every,
    )


def model_of(args: Args, stages: Stages) -> Any:
    """The model that is trained, for its size and FLOPs."""
    return mapping.decoder(flat(stages.configurations["training"]), args.vocab_size)


def write_result(args: Args, worker: Worker) -> None:
    """A benchmark's figures, in a file that no other run of the same model writes over."""
    steady = Attempts(read_events(worker.run / "events.jsonl").events).steady()
    now = time.gmtime()
    figures = {
        "training": args.training,
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", now),
        "world_size": worker.world_size,
        "steady_steps": steady.steps,
        "step_seconds": steady.step_seconds,
        "tokens_per_second": steady.throughput,
    }
    folder = worker.run / "results"
    folder.mkdir(exist_ok=True)
    name = f"{args.training.replace('/', '_')}-{time.strftime('%Y%m%d-%H%M%SZ', now)}.json"
    (folder / name).write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


# --- what comes after training ---


def after_training(name: str, args: Args, worker: Worker, stages: Stages) -> None:
    """The stage's command, which rank 0 runs."""
    if not worker.keeps_checkpoints:
        remedy = "give the cluster a folder that all nodes share, or leave the stage out"
        raise UserError(Problem("no checkpoint is kept that it could read", f"stage {name}", remedy))
    command(name, stages.configurations[name], worker, args.steps)


if __name__ == "__main__":
    main()
