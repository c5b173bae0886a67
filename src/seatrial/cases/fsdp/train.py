"""Pre-train a Llama-family model with FSDP2. One process per accelerator; reads from top to bottom."""

from __future__ import annotations

import gc
import math
import time
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.distributed.tensor import DTensor

from seatrial.cases.fsdp import Args
from seatrial.cases.fsdp.rules import workload
from seatrial.data.batches import Loader
from seatrial.data.sources import open_source
from seatrial.data.tokenizers import Bytes, open_tokenizer
from seatrial.errors import Problem, UserError
from seatrial.events import Step, Validation
from seatrial.models import LLAMA
from seatrial.rank import announce
from seatrial.spec import Device, Layout
from seatrial.train.agreement import ranks_agree
from seatrial.train.checkpoint import Checkpointer
from seatrial.train.model import Llama, initialise, rotary_table
from seatrial.train.optimizer import adamw, learning_rate_at, set_learning_rate
from seatrial.train.parallel import make_mesh, shard, synchronise_gradients
from seatrial.train.timing import StepTimer
from seatrial.train.worker import Worker, start
from seatrial.workload import accumulates_whole


def main() -> None:
    """Train, and exit with a code of ExitCode."""
    with start() as worker:
        args = Args(**worker.args)
        torch.manual_seed(args.seed)

        worker.stage("build model")
        model = build_model(args, worker)
        rotary = rotary_table(model.config, args.sequence_length, worker.device)
        optimizer = adamw(
            model.parameters(),
            learning_rate=args.learning_rate,
            betas=(args.beta1, args.beta2),
            weight_decay=args.weight_decay,
        )

        worker.stage("load checkpoint")
        checkpointer = Checkpointer(
            worker, model, optimizer, keep=args.checkpoint_keep, asynchronous=args.checkpoint_async
        )
        loaded = checkpointer.load()
        first_step = loaded.step if loaded else 0

        worker.stage("open data")
        # One state for each sequence of the global batch, from all ranks of the attempt that saved them.
        states = [state for rank in loaded.ranks for state in rank["lanes"]] if loaded else None
        loader = open_loader(args, worker, states=states)

        config = LLAMA[args.model]
        device: Device = "cuda" if worker.device.type == "cuda" else "cpu"
        layout = Layout(nodes=1, processes_per_node=worker.world_size, device=device)
        announce.run_start(
            worker,
            steps=args.steps,
            first_step=first_step,
            parameters=config.parameters(),
            flops_per_token=config.flops_per_token(args.sequence_length),
            dtype=args.precision,
            collective_bytes=workload(args, layout).collective_bytes(),
            compiled=args.compile,
        )
        worker.watch(model)
        timer = StepTimer(worker.device, compiles=args.compile)
        accumulation = args.global_batch_size // (args.micro_batch_size * worker.world_size)
        whole = accumulates_whole(config.parameters())
        mean_loss, stop, saved = math.nan, False, True
        for step in range(first_step, args.steps):
            with timer.phase("data_wait"):
                batch = to_device(next(loader), worker.device)
            rate = learning_rate_at(
                step,
                steps=args.steps,
                warmup_steps=args.warmup_steps,
                peak=args.learning_rate,
                minimum=args.min_learning_rate,
                schedule=args.schedule,
            )
            set_learning_rate(optimizer, rate)

            loss = torch.zeros((), device=worker.device)
            for index, tokens in enumerate(batch.split(args.micro_batch_size)):
                synchronise_gradients(model, not whole or index == accumulation - 1)
                with timer.phase("forward"):
                    part = model(tokens[:, :-1], tokens[:, 1:], *rotary) / accumulation
                with timer.phase("backward"):
                    part.backward()
                loss += part.detach()

            with timer.phase("optimizer"):
                # An infinite limit clips nothing, and still gives the norm.
                norm = torch.nn.utils.clip_grad_norm_(model.parameters(), args.grad_clip or math.inf)
                optimizer.step()
                optimizer.zero_grad()
            timer.step()
            worker.after_step(step + 1)
            if step == first_step:
                gc.collect()
                gc.freeze()  # model and optimizer live on; a collection that scans them stalls one rank, and so all

            done = step + 1
            if done % args.log_every == 0 or done == args.steps or step == first_step:
                mean_loss, stop = log_step(args, worker, timer, done, loss, norm, rate)
                if not math.isfinite(mean_loss):
                    worker.leave("give up", done, saved=False)
            if args.validation_every and (done % args.validation_every == 0 or done == args.steps):
                with timer.phase("other"):
                    validate(args, worker, model, rotary, done)
            wanted = args.checkpoint_every and (done % args.checkpoint_every == 0 or done == args.steps)
            with timer.phase("checkpoint"):
                checkpointer.poll()
                if wanted or stop:
                    saved = checkpointer.save(done, {"lanes": loader.states}, wait=stop)
            if stop and done < args.steps:
                loader.close()
                checkpointer.close()
                worker.leave("stop", done, saved=saved)

        loader.close()
        checkpointer.close()
        worker.end("completed", args.steps, ranks_agree=ranks_agree(model, args.steps, mean_loss))


def build_model(args: Args, worker: Worker) -> Llama:
    """The model, sharded over all ranks, with its first weights. A collective."""
    with torch.device("meta"):  # shapes only: no rank ever holds the whole model
        model = Llama(LLAMA[args.model])
    shard(
        model,
        model.layers(),
        make_mesh(worker.device.type, worker.world_size, args.shard_size),
        precision=args.precision,
        recompute=args.recompute,
        compiled=args.compile,
        cpu_offload=args.cpu_offload,
        reshard_after_forward=args.reshard_after_forward,
    )
    model.to_empty(device="cpu" if args.cpu_offload else worker.device)  # memory with garbage in it
    initialise(model, args.seed)
    return model


def open_loader(
    args: Args, worker: Worker, *, states: list[dict[str, Any]] | None = None, validation: bool = False
) -> Loader:
    """This rank's part of the training data from where `states` says, or of the held-out data from its beginning."""
    vocabulary = LLAMA[args.model].vocab_size
    tokenizer = Bytes() if args.dataset == "synthetic" else open_tokenizer(args.tokenizer)
    if tokenizer.vocab_size > vocabulary and args.dataset != "synthetic":
        what = f"{tokenizer.vocab_size} tokens do not fit the model's vocabulary of {vocabulary}"
        raise UserError(Problem(what, f"tokenizer {args.tokenizer}"))
    return Loader(
        open_source(args.dataset, seed=args.seed, validation=validation, vocab_size=vocabulary),
        tokenizer,
        length=args.sequence_length,
        global_batch_size=args.global_batch_size,
        rank=worker.rank,
        world_size=worker.world_size,
        states=states,
    )


def to_device(batch: NDArray[Any], device: torch.device) -> Tensor:
    """int64 [sequences of this rank, S + 1] on the device."""
    tokens = torch.from_numpy(batch)
    if device.type == "cuda":
        tokens = tokens.pin_memory()
    return tokens.to(device, torch.int64, non_blocking=True)


def log_step(
    args: Args, worker: Worker, timer: StepTimer, done: int, loss: Tensor, norm: Tensor, rate: float
) -> tuple[float, bool]:
    """Write the step's event. Returns the mean loss, and whether any rank was asked to stop. A collective."""
    mine = timer.so_far()
    # One small all-gather carries the loss, the request to stop and each rank's times.
    ranks = worker.gather([loss.item(), float(worker.stop_signal is not None), *mine.values()])
    mean_loss = sum(rank[0] for rank in ranks) / worker.world_size
    grad_norm = float(norm.full_tensor() if isinstance(norm, DTensor) else norm)
    seconds, phases = timer.collect()
    worker.emit(
        Step(
            step=done,
            loss=mean_loss,
            learning_rate=rate,
            grad_norm=grad_norm,
            count=args.global_batch_size * args.sequence_length,
            seconds=seconds,
            phases=phases,
            ranks={name: [rank[i] for rank in ranks] for i, name in enumerate(mine, start=2)},
            memory_bytes=worker.peak_memory(),
        )
    )
    return mean_loss, any(rank[1] for rank in ranks)


@torch.no_grad()
def validate(args: Args, worker: Worker, model: Llama, rotary: tuple[Tensor, Tensor], done: int) -> None:
    """Mean loss and perplexity over the same held-out batches every time. A collective."""
    worker.stage("validate")
    begin = time.perf_counter()
    loader = open_loader(args, worker, validation=True)
    total = torch.zeros((), device=worker.device)
    parts = 0
    for _ in range(args.validation_batches):
        for tokens in to_device(next(loader), worker.device).split(args.micro_batch_size):
            total += model(tokens[:, :-1], tokens[:, 1:], *rotary)
            parts += 1
    loader.close()
    loss = worker.sum([total.item()])[0] / (parts * worker.world_size)
    metrics = {"loss": loss, "perplexity": math.exp(min(loss, 700.0))}  # exp overflows above 709
    worker.emit(Validation(step=done, metrics=metrics, seconds=time.perf_counter() - begin))


if __name__ == "__main__":
    main()
