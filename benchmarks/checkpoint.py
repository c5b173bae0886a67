"""How long training stands still for a checkpoint: synchronous against asynchronous.

    python benchmarks/checkpoint.py

Trains the model `100m` of sized_case.py on 2 CPU processes on short sequences and saves it with its optimizer state
every other step; the figures are the run's own events. `stall` is how long the step was held up, `total` the time
until the checkpoint was complete, verified and visible. The first checkpoint of a run also sets up the writer.
"""

from __future__ import annotations

import statistics

from interleave import Row, estimate, interleave, parser, publish, ratio, row
from programs import HERE, run_case
from training import COMPARABLE

from seatrial.events import CheckpointSaved

SETTINGS = COMPARABLE | {"sequence_length": 64, "global_batch_size": 2, "micro_batch_size": 1, "dataset": "synthetic"}


def saved(steps: int, every: int, *, asynchronous: bool) -> list[CheckpointSaved]:
    """The checkpoints of one run."""
    settings = SETTINGS | {"steps": steps, "checkpoint_every": every, "checkpoint_async": asynchronous}
    found = run_case(f"{HERE / 'sized_case.py'}:100m", settings).of(CheckpointSaved)
    if len(found) != steps // every:
        raise RuntimeError(f"{len(found)} checkpoints were saved, not {steps // every}")
    return found


def main() -> None:
    """Measure and print."""
    options = parser(__doc__, repeats=3)
    options.add_argument("--steps", type=int, default=12)
    options.add_argument("--every", type=int, default=4, help="steps between checkpoints")
    chosen = options.parse_args()
    runs = interleave(
        {
            "synchronous": lambda: saved(chosen.steps, chosen.every, asynchronous=False),
            "asynchronous": lambda: saved(chosen.steps, chosen.every, asynchronous=True),
        },
        chosen.repeats,
    )
    size = runs["synchronous"][0][0].bytes
    rows = [Row("bytes of a checkpoint", f"{size / 1e9:.2f} GB")]
    stalls, raw = {}, {}
    for name, found in runs.items():
        stalls[name] = [statistics.median(save.stall_seconds for save in run) for run in found]
        totals = [statistics.median(save.seconds for save in run) for run in found]
        rows += [row(f"{name}, stall", estimate(stalls[name]), " s"), row(f"{name}, total", estimate(totals), " s")]
        raw[name] = [[(save.stall_seconds, save.seconds, save.bytes) for save in run] for run in found]
    rows.append(row("stall, asynchronous / synchronous", ratio(stalls["asynchronous"], stalls["synchronous"]), ""))
    publish(rows, raw, as_json=chosen.json)


if __name__ == "__main__":
    main()
