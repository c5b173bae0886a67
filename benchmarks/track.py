"""What trackers cost a training run: fsdp/tiny with all of them, and with none.

    python benchmarks/track.py

Both train the recipe on 2 CPU processes with every step logged, in turn; the trackers are TensorBoard, a folder of
MLflow and W&B offline, each with a process of its own beside the ranks. A run's step time is the median of the steps
after the warm-up. Target: at most 1 % overhead, median of pairs.
"""

from __future__ import annotations

import os
import statistics

from interleave import Row, estimate, interleave, parser, publish, ratio, row
from programs import finish, newest_run, scratch, seatrial_argv, started
from seatrial import tracked
from seatrial.events import EventLog, Step
from seatrial.observe import trackers
from training import COMPARABLE, WARM_UP

TARGET = 1.01


def main() -> None:
    """Measure and print."""
    options = parser(__doc__, repeats=8)
    options.add_argument("--steps", type=int, default=60)
    chosen = options.parse_args()
    settings = COMPARABLE | {"steps": chosen.steps, "log_every": 1}
    os.environ["WANDB_MODE"] = "offline"
    os.environ.pop("MLFLOW_TRACKING_URI", None)
    every = [word for name in trackers.names() for word in ("--track", name)]
    runs = interleave(
        {"tracked": lambda: _run(settings, every), "alone": lambda: _run(settings, ["--track", "none"])}, chosen.repeats
    )
    seconds = {name: [_step_seconds(log) for log, _ in found] for name, found in runs.items()}
    lacking = sum(len(findings) for _, findings in runs["tracked"])
    rows = [
        row("step, all trackers", estimate(seconds["tracked"]), " s", digits=4),
        row("step, no tracker", estimate(seconds["alone"]), " s", digits=4),
        row("ratio, median of pairs", ratio(seconds["tracked"], seconds["alone"]), "", digits=3, at_most=TARGET),
        Row("trackers that lacked something", str(lacking), "", "0", lacking == 0),
    ]
    publish(rows, {"step_seconds": seconds}, as_json=chosen.json)


def _run(settings: dict[str, object], options: list[str]) -> tuple[EventLog, list[object]]:
    """What happened in a run, and which trackers lack something of it."""
    with scratch() as folder:
        log = folder / "log"
        with started(seatrial_argv("fsdp", folder / "runs", settings, *options), log) as process:
            finish(process, log, accepted=(0, 1, 3))
        run = newest_run(folder / "runs")
        return run.events(), [*tracked.findings(run)]


def _step_seconds(log: EventLog) -> float:
    return statistics.median(step.seconds for step in log.of(Step)[WARM_UP:])


if __name__ == "__main__":
    main()
