"""What our training loop costs beyond a bare hand-written FSDP2 loop, bare_fsdp.py.

    python benchmarks/loop_overhead.py

Both train the model `tiny` on 2 CPU processes from the same weights on the same batches with the same AdamW and
clipping; validation and checkpoints are off, the learning rate is constant. Ours is `seatrial run fsdp` with its
events, timers, heartbeats and background tokeniser; the bare loop gets its batches ready-made. A run's step time is
the median of the steps after the warm-up. Target: at most 3 % overhead, median of pairs.
"""

from __future__ import annotations

import os

from interleave import Row, estimate, interleave, parser, publish, ratio, row
from programs import scratch
from seatrial.variables import CPU_TUNING
from training import COMPARABLE, bound, largest_difference, ours, save_batches, theirs

TARGET = 1.03
SAME_LOSS = 1e-5
"""Relative difference up to which two loss curves are the same training."""


def main() -> None:
    """Measure and print."""
    options = parser(__doc__, repeats=8)
    options.add_argument("--steps", type=int, default=60)
    chosen = options.parse_args()
    settings = COMPARABLE | {"steps": chosen.steps}
    job = bound("fsdp", settings)
    os.environ.update(CPU_TUNING)  # the launcher gives it to our ranks; here only the loops are compared
    with scratch() as folder:
        batches = folder / "batches.npy"
        save_batches(job.args, batches)
        runs = interleave(
            {"seatrial": lambda: ours("fsdp", settings), "bare": lambda: theirs("bare_fsdp.py", batches, job, folder)},
            chosen.repeats,
        )
    seconds = {name: [run.step_seconds for run in found] for name, found in runs.items()}
    difference = largest_difference(runs["seatrial"][0].losses, runs["bare"][0].losses)
    rows = [
        row("step, `seatrial run fsdp`", estimate(seconds["seatrial"]), " s", digits=4),
        row("step, bare loop", estimate(seconds["bare"]), " s", digits=4),
        row("ratio, median of pairs", ratio(seconds["seatrial"], seconds["bare"]), "", digits=3, at_most=TARGET),
        Row(
            "largest relative difference of the losses",
            f"{difference:.0e}",
            "",
            "at most 1e-5",
            difference <= SAME_LOSS,
        ),
    ]
    publish(rows, {"step_seconds": seconds, "loss_difference": difference}, as_json=chosen.json)


if __name__ == "__main__":
    main()
