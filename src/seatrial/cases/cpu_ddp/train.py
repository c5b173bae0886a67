"""Train a classifier of handwritten digits with DistributedDataParallel. Reads from top to bottom."""

from __future__ import annotations

import math
import time

import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from seatrial.cases.cpu_ddp import DIGITS, TRAINING_IMAGES, Args, workload
from seatrial.events import Step, Validation
from seatrial.rank import announce
from seatrial.spec import Layout
from seatrial.train.agreement import ranks_agree
from seatrial.train.checkpoint import Checkpointer
from seatrial.train.timing import StepTimer
from seatrial.train.worker import Worker, start


def main() -> None:
    """Train, and exit with a code of ExitCode."""
    with start() as worker:
        args = Args(**worker.args)
        torch.manual_seed(args.seed)  # the same initial weights on every rank
        images, labels = digits(args.seed)
        held_out = images[TRAINING_IMAGES:], labels[TRAINING_IMAGES:]

        hidden = args.hidden_size
        layers = (nn.Linear(64, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, DIGITS))
        model = DistributedDataParallel(nn.Sequential(*layers))
        worker.watch(model)
        optimizer = torch.optim.Adam(model.parameters(), lr=args.learning_rate)

        checkpointer = Checkpointer(worker, model, optimizer, keep=2, asynchronous=False)
        loaded = checkpointer.load()
        first_step = loaded.step if loaded else 0
        layout = Layout(nodes=1, processes_per_node=worker.world_size, device="cpu")
        announce.run_start(
            worker,
            steps=args.steps,
            first_step=first_step,
            parameters=sum(p.numel() for p in model.parameters()),
            unit="samples",
            collective_bytes=workload(args, layout).collective_bytes(),
        )

        timer = StepTimer(worker.device)
        mean_loss = math.nan
        for step in range(first_step, args.steps):
            with timer.phase("data_wait"):
                mine = batch_indices(args, step)[worker.rank :: worker.world_size]
            with timer.phase("forward"):
                loss = F.cross_entropy(model(images[mine]), labels[mine])
            with timer.phase("backward"):
                optimizer.zero_grad()
                loss.backward()  # averages the gradients over all ranks
            with timer.phase("optimizer"):
                optimizer.step()
            timer.step()
            worker.after_step(step + 1)

            done = step + 1
            last = done == args.steps
            request = None
            if done % args.log_every == 0 or last or step == first_step:
                mean_loss = log_step(args, worker, timer, done, loss)
                request = worker.request()
            if done % args.validation_every == 0 or last:
                measure_accuracy(worker, model, *held_out, done)
            if request == "give up":
                worker.leave(request, done, saved=False)
            if done % args.checkpoint_every == 0 or last or request == "stop":
                with timer.phase("checkpoint"):
                    saved = checkpointer.save(done, None)
                if request == "stop" and not last:
                    worker.leave(request, done, saved=saved)

        checkpointer.close()
        worker.end("completed", args.steps, ranks_agree=ranks_agree(model, args.steps, mean_loss))


def digits(seed: int) -> tuple[Tensor, Tensor]:
    """Images [1797, 64] in 0..1 and labels [1797], shuffled."""
    images, labels = load_digits(return_X_y=True)
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))
    return torch.tensor(images, dtype=torch.float32)[order] / 16, torch.tensor(labels)[order]


def batch_indices(args: Args, step: int) -> Tensor:
    """The images of a step's global batch: epochs of whole batches, each in an order of its own."""
    per_epoch = TRAINING_IMAGES // args.global_batch_size
    epoch, place = divmod(step, per_epoch)
    order = torch.randperm(TRAINING_IMAGES, generator=torch.Generator().manual_seed(args.seed + 1 + epoch))
    return order[place * args.global_batch_size : (place + 1) * args.global_batch_size]


def log_step(args: Args, worker: Worker, timer: StepTimer, done: int, loss: Tensor) -> float:
    """Write the step's event. Returns the mean loss. A collective."""
    mine = timer.so_far()
    ranks = worker.gather([loss.item(), *mine.values()])
    mean_loss = sum(rank[0] for rank in ranks) / worker.world_size
    seconds, phases = timer.collect()
    worker.emit(
        Step(
            step=done,
            loss=mean_loss,
            learning_rate=args.learning_rate,
            count=args.global_batch_size,
            seconds=seconds,
            phases=phases,
            ranks={name: [rank[i] for rank in ranks] for i, name in enumerate(mine, start=1)},
            memory_bytes=worker.peak_memory(),
        )
    )
    return mean_loss


@torch.no_grad()
def measure_accuracy(worker: Worker, model: nn.Module, images: Tensor, labels: Tensor, done: int) -> None:
    """Share of held-out images that are recognised; every rank looks at a part of them. A collective."""
    begin = time.perf_counter()
    mine = slice(worker.rank, None, worker.world_size)
    logits = model(images[mine])
    right, loss = worker.sum(
        [
            float((logits.argmax(dim=1) == labels[mine]).sum()),
            float(F.cross_entropy(logits, labels[mine], reduction="sum")),
        ]
    )
    metrics = {"accuracy": right / len(labels), "loss": loss / len(labels)}
    worker.emit(Validation(step=done, metrics=metrics, seconds=time.perf_counter() - begin))


if __name__ == "__main__":
    main()
