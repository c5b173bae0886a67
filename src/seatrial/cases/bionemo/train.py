"""Pre-train a protein language model on masked residues. One process per accelerator; reads from top to bottom."""

from __future__ import annotations

import gc
import math
import time
from pathlib import Path

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.tensor import DTensor

from seatrial.cases.bionemo import Args, container
from seatrial.cases.bionemo.batches import Loader, MicroBatch, Proteins
from seatrial.cases.bionemo.data import proteins
from seatrial.events import Step, Validation
from seatrial.models import ESM
from seatrial.rank import announce
from seatrial.train.agreement import ranks_agree
from seatrial.train.checkpoint import Checkpointer
from seatrial.train.optimizer import adamw, learning_rate_at, set_learning_rate
from seatrial.train.timing import StepTimer
from seatrial.train.worker import Worker, start


def main() -> None:
    """Train, and exit with a code of ExitCode."""
    with start() as worker:
        args = Args(**worker.args)
        worker.stage("prepare data")
        folder = proteins(worker, args)
        if args.engine == "transformers":
            train(args, worker, folder)
        else:
            container.train(args, worker, folder)


def train(args: Args, worker: Worker, folder: Path) -> None:
    """Train transformers' ESM-2 in this program."""
    worker.stage("import transformers")
    from seatrial.cases.bionemo.model import build, reduce_gradients

    worker.stage("build model")
    model = build(args, worker)
    optimizer = adamw(
        model.parameters(),
        learning_rate=args.learning_rate,
        betas=(args.beta1, args.beta2),
        weight_decay=args.weight_decay,
    )

    worker.stage("load checkpoint")
    checkpointer = Checkpointer(worker, model, optimizer, keep=args.checkpoint_keep, asynchronous=False)
    loaded = checkpointer.load()
    first_step = loaded.step if loaded else 0

    worker.stage("open data")
    held_out = Proteins(folder / "valid.db", args, fixed=True) if args.validation_every else None
    source = Proteins(folder / "train.db", args)
    attended = args.sequence_length if args.batching == "samples" else source.attended()
    # One state for each micro-batch of a step, from all ranks of the attempt that saved them.
    states = [state for rank in loaded.ranks for state in rank["lanes"]] if loaded else None
    loader = Loader(source, args, rank=worker.rank, world_size=worker.world_size, states=states)

    announce.run_start(
        worker,
        steps=args.steps,
        first_step=first_step,
        parameters=ESM[args.model].parameters(),
        flops_per_token=ESM[args.model].flops_per_token(attended),
        dtype=args.precision,
        packages=("transformers",),
    )
    timer = StepTimer(worker.device)
    log = Log(args, worker, timer)
    saved = True
    for step in range(first_step, args.steps):
        with timer.phase("data_wait"):
            batch = next(loader)
        rate = learning_rate_at(
            step,
            steps=args.steps,
            warmup_steps=args.warmup_steps,
            peak=args.learning_rate,
            minimum=args.min_learning_rate,
            schedule="linear",
        )
        set_learning_rate(optimizer, rate)

        # The loss is the mean over the masked residues of all ranks and micro-batches, which have different numbers
        # of them. Gradients are averaged over the ranks, so that a sum is multiplied by their number before.
        masked = torch.tensor(sum(len(part.wanted) for part in batch), device=worker.device)
        dist.all_reduce(masked)
        loss = torch.zeros((), device=worker.device)
        for index, part in enumerate(batch):
            reduce_gradients(model, index == len(batch) - 1)
            with timer.phase("forward"):
                nats = model(*on_device(part, worker.device))
            with timer.phase("backward"):
                (nats * worker.world_size / masked).backward()
            loss += nats.detach() / masked

        with timer.phase("optimizer"):
            # An infinite limit clips nothing, and still gives the norm.
            norm = nn.utils.clip_grad_norm_(model.parameters(), args.grad_clip or math.inf)
            optimizer.step()
            optimizer.zero_grad()
        timer.step()
        worker.after_step(step + 1)
        log.tokens += sum(part.count for part in batch)
        if step == first_step:
            gc.collect()
            gc.freeze()  # model and optimizer live on; a collection that scans them stalls one rank, and so all

        done = step + 1
        request = None
        if done % args.log_every == 0 or done == args.steps or step == first_step:
            log.write(done, loss, norm, rate)
            request = worker.request()
            if request == "give up":
                worker.leave(request, done, saved=False)
        if held_out and (done % args.validation_every == 0 or done == args.steps):
            with timer.phase("other"):
                validate(args, worker, model, held_out, done)
        wanted = args.checkpoint_every and (done % args.checkpoint_every == 0 or done == args.steps)
        if wanted or request == "stop":
            with timer.phase("checkpoint"):
                saved = checkpointer.save(done, {"lanes": loader.states})
        if request == "stop" and done < args.steps:
            loader.close()
            checkpointer.close()
            worker.leave(request, done, saved=saved)

    loader.close()
    checkpointer.close()
    worker.end("completed", args.steps, ranks_agree=ranks_agree(model, args.steps, log.loss))


def on_device(part: MicroBatch, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """What the model takes of a micro-batch."""
    found = [torch.from_numpy(array) for array in (part.tokens, part.places, part.wanted)]
    if device.type == "cuda":
        found = [tensor.pin_memory() for tensor in found]
    tokens, places, wanted = (tensor.to(device, non_blocking=True) for tensor in found)
    return tokens, places, wanted


class Log:
    """What is said of the steps."""

    def __init__(self, args: Args, worker: Worker, timer: StepTimer) -> None:
        self.args, self.worker, self.timer = args, worker, timer
        self.tokens = 0
        """Of this rank since the last event."""
        self.step: int | None = None
        """That of the last event."""
        self.loss = math.nan
        """Mean over the masked residues of all ranks."""

    def write(self, done: int, loss: Tensor, norm: Tensor, rate: float) -> None:
        """Write the event of a step. A collective."""
        mine = self.timer.so_far()
        ranks = self.worker.gather([loss.item(), float(self.tokens), *mine.values()])
        self.loss = sum(rank[0] for rank in ranks)  # each rank has its part of the mean
        seconds, phases = self.timer.collect()
        steps = 1 if self.step is None else done - self.step
        self.worker.emit(
            Step(
                step=done,
                loss=self.loss,
                learning_rate=rate,
                grad_norm=float(norm.full_tensor() if isinstance(norm, DTensor) else norm),
                count=round(sum(rank[1] for rank in ranks) / steps),
                seconds=seconds,
                phases=phases,
                ranks={name: [rank[i] for rank in ranks] for i, name in enumerate(mine, start=2)},
                memory_bytes=self.worker.peak_memory(),
            )
        )
        self.tokens, self.step = 0, done


@torch.no_grad()
def validate(args: Args, worker: Worker, model: nn.Module, held_out: Proteins, done: int) -> None:
    """Mean loss and perplexity over the same masked residues of the same held-out proteins every time. A collective."""
    worker.stage("validate")
    begin = time.perf_counter()
    loader = Loader(held_out, args, rank=worker.rank, world_size=worker.world_size)
    total, masked = torch.zeros((), device=worker.device), 0
    for _ in range(args.validation_batches):
        for part in next(loader):
            total += model(*on_device(part, worker.device))
            masked += len(part.wanted)
    loader.close()
    nats, residues = worker.sum([total.item(), float(masked)])
    loss = nats / residues
    metrics = {"loss": loss, "perplexity": math.exp(min(loss, 700.0))}  # exp overflows above 709
    worker.emit(Validation(step=done, metrics=metrics, seconds=time.perf_counter() - begin))


if __name__ == "__main__":
    main()
