"""A case of one file that trains nothing and tells of it as it is asked to: the right figures, or wrong ones.

Not a trial: a program for one. Its steps take as long as a random number says, and a part of them is not told.
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass

from seatrial.arguments import Count, Positive, TrainingArgs
from seatrial.events import Step
from seatrial.rank import announce
from seatrial.rank.core import Rank
from seatrial.rank.start import start
from seatrial.spec import Case, Layout, Recipe
from seatrial.workload import FP32_ADAM, Degrees, Workload


@dataclass(frozen=True, kw_only=True)
class Args(TrainingArgs):
    """What is told of each step."""

    steps: Count = 60
    global_batch_size: Count = 8
    sequence_length: Count = 128
    told: Positive = 1.0
    """Seconds that a step says for each second that it takes."""
    counted: Count = 1
    """How often each token is counted."""
    seed: int = 0


def workload(args: Args, layout: Layout) -> Workload:
    """Its batch is known, its model is not."""
    return Workload(
        parameters=1,
        global_batch_size=args.global_batch_size,
        micro_batch_size=args.global_batch_size,
        sequence_length=args.sequence_length,
        degrees=Degrees(data=layout.world_size),
        compute="fp32",
        states=FP32_ADAM,
    )


CASE = Case(
    name="wrong-figures",
    title="Steps of which something else is told",
    framework="none",
    Args=Args,
    recipes=(Recipe(name="tiny", title="1 process", args=Args(), processes_per_node=1),),
    program=__file__,
    workload=workload,
)


def main() -> None:
    """Sleep, and tell."""
    with start(Rank) as rank:
        args = Args(**rank.args)
        chance = random.Random(args.seed)
        announce.run_start(rank, steps=args.steps)
        tokens = args.counted * args.global_batch_size * args.sequence_length
        for step in range(1, args.steps + 1):
            begin = time.perf_counter()
            time.sleep(chance.uniform(0.02, 0.04))
            seconds = args.told * (time.perf_counter() - begin)
            rank.emit(Step(step=step, loss=1.0, count=tokens, seconds=seconds))
        rank.end("completed", args.steps, ranks_agree=True)


if __name__ == "__main__":
    main()
