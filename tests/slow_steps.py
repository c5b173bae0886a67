"""A case of one file whose only rank sleeps, and whose steps become slow for one reason: for tests of diagnosis.

It needs neither torch nor other ranks, so that a run takes little but its own time. Causes that do: `tests.slowness`.
"""

from __future__ import annotations

import math
import os
import time
from dataclasses import dataclass
from pathlib import Path

from seatrial.arguments import Count, Positive, TrainingArgs
from seatrial.events import Step
from seatrial.rank import announce
from seatrial.rank.core import Rank
from seatrial.rank.start import start
from seatrial.rank.timing import StepTimer
from seatrial.spec import Case, Expectations, Recipe


@dataclass(frozen=True, kw_only=True)
class Args(TrainingArgs):
    """What makes it slow."""

    cause: str = "steady"
    """One, or several joined by ``+``: steps are longer ``since`` one, each a little longer (``growing``), after a
    ``resume``, or now and then (``pauses``); a ``folder`` for checkpoints takes 5 MB/s."""
    since: Count = 30
    """Step from which on it is slow, or at which it stops to be resumed."""
    seconds: Positive = 0.03
    """Seconds of a step's work."""

    def has(self, cause: str) -> bool:
        """Whether that is one of its causes."""
        return cause in self.cause.split("+")


CASE = Case(
    name="slow-steps",
    title="Steps that become slow",
    framework="none",
    Args=Args,
    recipes=(
        Recipe(
            name="tiny", title="", args=Args(steps=60, global_batch_size=4, log_every=1, checkpoint_every=0),
            processes_per_node=1, expectations=Expectations(loss_decrease=0.1),
        ),
    ),
    program=__file__,
    resumable=True,
)  # fmt: skip


def main() -> None:
    """The rank."""
    with start(Rank) as rank:
        args = Args(**rank.args)
        checkpoint = rank.run / "checkpoint"
        first = int(checkpoint.read_text()) if checkpoint.exists() else 0
        announce.run_start(rank, steps=args.steps, first_step=first, unit="samples")
        timer = StepTimer()
        for step in range(first + 1, args.steps + 1):
            with timer.phase("forward"):
                time.sleep(args.seconds * longer(args, step, rank.attempt))
            timer.step()
            rank.after_step(step)
            log_step(args, rank, timer, step)
            if args.has("folder") and step % 15 == 0:
                with timer.phase("checkpoint"):
                    save(rank, rank.run / f"checkpoint-{step}", step)
            if args.has("resume") and step == args.since and not first:
                checkpoint.write_text(str(step))
                rank.leave("stop", step, saved=True)
        rank.end("completed", args.steps)


def longer(args: Args, step: int, attempt: int) -> float:
    """Times the usual work of a step."""
    factors = {
        "since": 2.0 if step >= args.since else 1.0,
        "growing": 1 + 2 * step / args.steps,
        "resume": 2.0 if attempt else 1.0,
        "pauses": 8.0 if step % 5 == 0 else 1.0,
    }
    return math.prod(factor for cause, factor in factors.items() if args.has(cause))


def save(rank: Rank, path: Path, step: int) -> None:
    """A checkpoint of 5 MB into a folder that takes 5 MB/s."""
    with announce.saving(rank, path, step), path.open("wb") as file:
        for _ in range(50):
            file.write(os.urandom(100_000))
            time.sleep(0.02)


def log_step(args: Args, rank: Rank, timer: StepTimer, step: int) -> None:
    """Write the step's event."""
    mine = timer.so_far()
    seconds, phases = timer.collect()
    told = {name: [value] for name, value in mine.items()}
    loss = 2.0 / math.sqrt(step)
    rank.emit(Step(step=step, loss=loss, count=args.global_batch_size, seconds=seconds, phases=phases, ranks=told))


if __name__ == "__main__":
    main()
