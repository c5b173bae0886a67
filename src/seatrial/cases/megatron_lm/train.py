"""Pre-train with Megatron, under our driver or the pretrain_gpt.py of a checkout. One process per accelerator."""

from __future__ import annotations

import importlib.util
import os
import runpy
import sys
import warnings
from collections.abc import Iterable
from pathlib import Path

import torch.distributed as dist

from seatrial.cases.megatron_lm import Args
from seatrial.cases.megatron_lm.data import dataset_prefix
from seatrial.cases.megatron_lm.flags import flags, profiling
from seatrial.cases.megatron_lm.log import Reader
from seatrial.cases.megatron_lm.options import parse
from seatrial.cases.megatron_lm.sizes import SIZES, padded
from seatrial.errors import ExitCode
from seatrial.events import Event, EventWriter, read_events
from seatrial.models import Decoder
from seatrial.profiling import FOLDER
from seatrial.rank import announce, lines
from seatrial.rank.console import console
from seatrial.rank.lines import Line
from seatrial.train.agreement import replicas_agree
from seatrial.train.shims.cuda import cuda_on_cpu
from seatrial.train.worker import Worker, start


def main() -> None:
    """Train, and exit with a code of ExitCode."""
    with start() as worker:
        train(Args(**worker.args), worker)


def train(args: Args, worker: Worker) -> None:
    """All that a rank does after it has met the others."""
    # Kernels must start in the order in which they were launched, or collectives do not overlap as Megatron plans.
    os.environ.setdefault("CUDA_DEVICE_MAX_CONNECTIONS", "1")
    # megatron-core 0.16 calls what torch 2.13 calls by newer names.
    warnings.filterwarnings("ignore", category=FutureWarning, module=r"megatron\.|torch\.distributed")
    if args.source is not None:
        sys.path.insert(0, args.source)  # its megatron.core goes before an installed one
    cuda_on_cpu()
    if worker.device.type == "cpu":  # a dozen times: no Apex, no Transformer Engine
        warnings.filterwarnings("ignore", category=UserWarning, module=r"megatron\.")
    worker.stage("prepare data")
    command_line = megatron_flags(args, worker)
    if args.source is None:
        with console(worker, Reader(args, worker.world_size)):
            drive(args, worker, command_line)
    else:
        run_pretrain_gpt(args, worker, command_line)


def megatron_flags(args: Args, worker: Worker) -> list[str]:
    """The data, made if it was not there, and the command line that names it."""
    theirs = worker.leave_profile_to_framework() if args.source is not None else None
    found = flags(
        args,
        device="cuda" if worker.device.type == "cuda" else "cpu",
        data=dataset_prefix(args, SIZES[args.model].vocab_size, worker.data),
        cache=worker.data / "megatron-index",
        checkpoints=worker.run / "checkpoints" if worker.keeps_checkpoints else None,
        transformer_engine=worker.device.type == "cuda" and importlib.util.find_spec("transformer_engine") is not None,
    )
    return [*found, *(profiling(theirs, worker.world_size, worker.run / FOLDER) if theirs else ())]


def drive(args: Args, worker: Worker, command_line: list[str]) -> None:
    """Train with megatron-core under our driver, to the end of the run."""
    agree = trained(args, worker, command_line, padded(args))
    worker.end("completed", args.steps, ranks_agree=agree)


def trained(args: Args, worker: Worker, command_line: list[str], model: Decoder) -> bool:
    """Train with megatron-core under our driver; whether the ranks agree in the end. `model` is what the flags say."""
    worker.stage("import megatron")
    from megatron.core import parallel_state

    from seatrial.cases.megatron_lm import checkpoint
    from seatrial.cases.megatron_lm.driver import Training

    worker.stage("build model")
    root = worker.run / "checkpoints"
    flops = model.flops_per_token(args.sequence_length)
    training = Training(parse(command_line), worker.device, flops_per_token=flops["causal"])
    found = checkpoint.latest(root)
    if found is not None:
        worker.stage("load checkpoint")
        folder = checkpoint.folder_of(root, found)
        with announce.loading(worker, folder, found):
            training.load(folder)
    worker.stage("open data")
    training.open_data()
    run_start(args, worker, training.iteration, model)

    while training.iteration < args.steps:
        training.step()
        done = training.iteration
        worker.after_step(done)
        last = done == args.steps
        if args.validation_every and (done % args.validation_every == 0 or last):
            worker.stage("validate")
            training.evaluate()
        request = worker.request() if done % args.log_every == 0 or last else None
        due = args.checkpoint_every and (done % args.checkpoint_every == 0 or last)
        saved = worker.keeps_checkpoints and request != "give up" and bool(due or request == "stop")
        if saved:
            with announce.saving(worker, checkpoint.folder_of(root, done), done):
                training.save()
            if worker.rank == 0:
                checkpoint.prune(root, args.checkpoint_keep)
        if request == "give up" or (request == "stop" and not last):
            worker.leave(request, done, saved=saved)

    training.gather_parameters()
    place = parallel_state.get_tensor_model_parallel_rank(), parallel_state.get_pipeline_model_parallel_rank()
    return replicas_agree(args.steps, training.loss, place, training.model.parameters())


def run_start(args: Args, worker: Worker, first_step: int, model: Decoder) -> None:
    """Tell what the run's readers need to know once. A collective."""
    announce.run_start(
        worker,
        steps=args.steps,
        first_step=first_step,
        parameters=model.parameters(),
        flops_per_token=model.flops_per_token(args.sequence_length),
        dtype="fp32" if args.precision == "fp32" else "bf16",  # the peak of fp16 is the same
        packages=("transformer-engine",),
    )


class Recorder(lines.Reader):
    """Writes the events of a log itself: pretrain_gpt.py prints its metrics on the last rank, not on rank 0."""

    def __init__(self, worker: Worker, reader: Reader) -> None:
        self.writer = EventWriter(worker.run / "events.jsonl")
        self.reader = reader

    def read(self, line: Line) -> Iterable[Event]:
        """See seatrial.rank.lines.Reader; nothing is left for others to write."""
        for event in self.reader.read(line):
            self.writer.write(event)
        return ()


def run_pretrain_gpt(args: Args, worker: Worker, command_line: list[str]) -> None:
    """Run the program of a Megatron-LM checkout in this process, with the same flags.

    It saves and goes on by itself, also when it is asked to stop. Whether its ranks agree is not compared.
    """
    assert args.source is not None
    program = str(Path(args.source, "pretrain_gpt.py"))
    root = worker.run / "checkpoints"
    run_start(args, worker, newest(root), padded(args))
    sys.argv = [program, *command_line]
    reader = Reader(args, worker.world_size)
    last = worker.rank == worker.world_size - 1
    with console(worker, Recorder(worker, reader) if last else reader):
        try:
            runpy.run_path(program, run_name="__main__")
        except SystemExit as request:
            if request.code:
                raise
    if dist.is_initialized():
        dist.barrier()  # the last rank has written its last step
    done = max((step.step for step in read_events(worker.run / "events.jsonl").steps()), default=0)
    if done >= args.steps:
        worker.end("completed", done)
        return
    saved = worker.keeps_checkpoints and newest(root) == done
    worker.end("stopped" if saved else "failed", done, reason="pretrain_gpt.py ended before the last step")
    sys.exit(ExitCode.STOPPED if saved else ExitCode.FAILED)


def newest(root: Path) -> int:
    """Step of the newest complete checkpoint, as Megatron's own file says it; 0: none."""
    try:
        return int((root / "latest_checkpointed_iteration.txt").read_text())
    except FileNotFoundError:
        return 0


if __name__ == "__main__":
    main()
