"""How long training stands still for a checkpoint: synchronous against asynchronous.

    python benchmarks/checkpoint.py

Trains the model `100m` of sized_case.py on 2 CPU processes on short sequences and saves it with its optimizer state
every few steps; the figures are the run's own events. `stall`: how long the step was held up. `total`: until the
checkpoint was complete, verified and visible. `lost`: how much longer training took for each checkpoint than without
any; a background write is not free where it shares the cores. The save after the last step is in stall and total only.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass

from interleave import Row, estimate, interleave, parser, publish, ratio, row
from programs import HERE, run_case
from seatrial.events import CheckpointSaved, Step
from training import COMPARABLE

SETTINGS = COMPARABLE | {"sequence_length": 64, "global_batch_size": 2, "micro_batch_size": 1, "dataset": "synthetic"}


@dataclass(frozen=True, slots=True)
class Training:
    """One run."""

    seconds: float
    """From the first finished step to the last."""
    saves: list[CheckpointSaved]

    @property
    def stall(self) -> float:
        """Median of its checkpoints."""
        return statistics.median(save.stall_seconds for save in self.saves)

    @property
    def total(self) -> float:
        """Median of its checkpoints."""
        return statistics.median(save.seconds for save in self.saves)


def train(steps: int, every: int, *, asynchronous: bool = False) -> Training:
    """One run through the command; `every` 0 saves nothing."""
    settings = SETTINGS | {"steps": steps, "checkpoint_every": every, "checkpoint_async": asynchronous}
    log = run_case(f"{HERE / 'sized_case.py'}:100m", settings)
    times = [timed.time for timed in log.events if isinstance(timed.event, Step)]
    return Training(times[-1] - times[0], log.of(CheckpointSaved))


def main() -> None:
    """Measure and print."""
    options = parser(__doc__, repeats=3)
    options.add_argument("--steps", type=int, default=13)
    options.add_argument("--every", type=int, default=4, help="steps between checkpoints")
    chosen = options.parse_args()
    steps, every = chosen.steps, chosen.every
    runs = interleave(
        {
            "none": lambda: train(steps, 0),
            "synchronous": lambda: train(steps, every),
            "asynchronous": lambda: train(steps, every, asynchronous=True),
        },
        chosen.repeats,
    )
    inside = (steps - 1) // every  # saves between the first step and the last
    rows = [Row("size of a checkpoint", f"{runs['synchronous'][0].saves[0].bytes / 1e9:.2f} GB")]
    for name in ("synchronous", "asynchronous"):
        found = runs[name]
        lost = [(a.seconds - b.seconds) / inside for a, b in zip(found, runs["none"], strict=True)]
        rows.append(row(f"{name}, stall", estimate([run.stall for run in found]), " s"))
        rows.append(row(f"{name}, total", estimate([run.total for run in found]), " s"))
        rows.append(row(f"{name}, lost", estimate(lost), " s"))
    stalls = ([run.stall for run in runs[name]] for name in ("asynchronous", "synchronous"))
    rows.append(row("stall, asynchronous / synchronous", ratio(*stalls), ""))
    raw = {
        name: [(run.seconds, [(save.stall_seconds, save.seconds, save.bytes) for save in run.saves]) for run in found]
        for name, found in runs.items()
    }
    publish(rows, raw, as_json=chosen.json)


if __name__ == "__main__":
    main()
