"""A case of one file, without torch, for tests of the command: its loss walks down, a step every so many seconds."""

from __future__ import annotations

import math
import os
import signal
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from seatrial.arguments import Count, Positive, TrainingArgs
from seatrial.events import Step, Validation
from seatrial.rank import announce
from seatrial.rank.core import Rank
from seatrial.rank.start import start
from seatrial.spec import Case, Expectations, Recipe


@dataclass(frozen=True, kw_only=True)
class Args(TrainingArgs):
    """How long it walks."""

    seconds: float = 0.01
    """Seconds of a step."""
    import_seconds: float = 0.0
    """Seconds before the rank joins the others."""
    fall: Positive = 0.1
    """Nats by which the loss falls in each step."""
    fault: Literal["none", "nan", "error", "kill", "hang", "deaf"] = "none"
    """What goes wrong at the fault's step: on rank 0 a loss that is not a number, an exception, SIGKILL, or no sign of
    life any more; on all ranks requests to stop that are not heard."""
    fault_step: Count = 15
    """Step of the fault."""
    faulty_attempts: Count = 1
    """Attempts that have it."""


ARGS = Args(steps=30, global_batch_size=2, checkpoint_every=10)
EXPECTED = Expectations(loss_decrease=2.0, at_least={"accuracy": 0.9})
CASE = Case(
    name="walk",
    title="A loss that walks down",
    framework="none",
    Args=Args,
    recipes=(Recipe(name="tiny", title="2 processes", args=ARGS, processes_per_node=2, expectations=EXPECTED),),
    program=__file__,
    resumable=True,
)


def main() -> None:
    """One rank."""
    with start(Rank) as rank:
        args = Args(**rank.args)
        time.sleep(args.import_seconds)
        done = newest(rank.run)
        announce.run_start(rank, steps=args.steps, first_step=done)
        for step in range(done + 1, args.steps + 1):
            time.sleep(args.seconds)
            loss = 5.0 - args.fall * step
            if step == args.fault_step and rank.attempt < args.faulty_attempts:
                loss = go_wrong(args.fault, rank, loss)
            rank.emit(Step(step=step, loss=loss, count=2, seconds=args.seconds))
            rank.alive()
            print(f"step {step}")
            request = rank.request()
            if request or step % args.checkpoint_every == 0:
                save(rank, step)
            if request:
                rank.leave(request, step, saved=True)
        rank.emit(Validation(step=args.steps, metrics={"accuracy": args.steps / 30}, seconds=0.01))
        rank.end("completed", args.steps, ranks_agree=True)


def go_wrong(fault: str, rank: Rank, loss: float) -> float:
    """Does it. Returns the loss."""
    if fault == "deaf":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if rank.rank != 0:
        return loss
    if fault == "error":
        raise RuntimeError("the weights are gone")
    if fault == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if fault == "hang":
        threading.Event().wait()
    return math.nan if fault == "nan" else loss


def newest(run: Path) -> int:
    """Steps of the newest checkpoint; 0 if there is none."""
    return max((int(path.name) for path in (run / "checkpoints").iterdir()), default=0)


def save(rank: Rank, step: int) -> None:
    """Rank 0 writes a checkpoint."""
    if rank.rank == 0:
        path = rank.run / "checkpoints" / str(step)
        with announce.saving(rank, path, step):
            path.write_text("weights")


if __name__ == "__main__":
    main()
