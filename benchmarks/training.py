"""Training runs of ours and of plain programs on the same batches, and what each step took."""

from __future__ import annotations

import itertools
import json
import statistics
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from programs import HERE, run_case, run_ranks
from seatrial import config
from seatrial.binding import bind
from seatrial.catalog import recipe
from seatrial.data.batches import Loader
from seatrial.data.sources import open_source
from seatrial.data.tokenizers import open_tokenizer
from seatrial.events import Step
from seatrial.job import Job
from seatrial.models import LLAMA

WORLD = 2
WARM_UP = 5
"""Steps at the beginning that are not measured."""
COMPARABLE = {"validation_every": 0, "checkpoint_every": 0, "schedule": "constant", "warmup_steps": 0}
"""Settings with which our trainer does nothing that a plain program does not."""


@dataclass(frozen=True, slots=True)
class Run:
    """One training run: when each step was done (Unix seconds), and its mean loss."""

    times: list[float]
    losses: list[float]

    @property
    def step_seconds(self) -> float:
        """Median over the steps after the warm-up."""
        kept = self.times[WARM_UP - 1 :]
        return statistics.median(b - a for a, b in itertools.pairwise(kept))


def bound(target: str, settings: dict[str, Any]) -> Job:
    """The job that `seatrial run` would start."""
    case, chosen = recipe(target)
    return bind(case, chosen, config.cluster("local"), settings={key: str(value) for key, value in settings.items()})


def save_batches(args: dict[str, Any], path: Path) -> None:
    """Write the batches that our trainer reads with these arguments: int32 [steps, ranks, sequences, tokens + 1]."""
    loaders = [
        Loader(
            open_source(args["dataset"], seed=args["seed"], vocab_size=LLAMA[args["model"]].vocab_size),
            open_tokenizer(args["tokenizer"]),
            length=args["sequence_length"],
            global_batch_size=args["global_batch_size"],
            rank=rank,
            world_size=WORLD,
        )
        for rank in range(WORLD)
    ]
    np.save(path, np.stack([np.stack([next(loader) for loader in loaders]) for _ in range(args["steps"])]))
    for loader in loaders:
        loader.close()


def ours(target: str, settings: dict[str, Any]) -> Run:
    """A run through the command."""
    log = run_case(target, settings)
    timed = [(at.time, at.event.loss) for at in log.events if isinstance(at.event, Step)]
    return Run([time for time, _ in timed], [loss for _, loss in timed])


def theirs(program: str, batches: Path, job: Job, folder: Path) -> Run:
    """A run of a plain program, which prints a line of JSON with time and loss of each step on every rank."""
    arguments = [str(batches), json.dumps(job.args)]
    texts = run_ranks(HERE / program, arguments, world_size=WORLD, threads=job.threads_per_process, folder=folder)
    ranks = [[json.loads(line) for line in text.splitlines() if line.startswith('{"time"')] for text in texts]
    losses = [statistics.fmean(step["loss"] for step in steps) for steps in zip(*ranks, strict=True)]
    return Run([step["time"] for step in ranks[0]], losses)


def largest_difference(a: list[float], b: list[float]) -> float:
    """Largest relative difference of two loss curves."""
    return max(abs(x - y) / abs(y) for x, y in zip(a, b, strict=True))
