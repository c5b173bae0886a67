"""Steps of `fsdp` on this machine's CPUs, as forecast from the measured parts of a step, and as they were.

    python benchmarks/forecast_cpu.py
    python benchmarks/forecast_cpu.py --processes 2 --rounds 3

In each round `seatrial forecast calibrate --microbench` measures the parts once, then each of six jobs is forecast and
run; nothing is fitted to the runs. The parts are medians, so a run's step is the median of its second half, and of all
rounds the median forecast stands beside the median run. The last column is how much slower the slowest round's run was
than the quickest: what the machine itself does not repeat.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from programs import HERE, environment, scratch
from seatrial.events import Step
from seatrial.history import History

SIZED = HERE / "sized_case.py"
TARGET = 0.10


@dataclass(frozen=True)
class Job:
    target: str
    length: int
    steps: int

    @property
    def settings(self) -> list[str]:
        values = {"sequence_length": self.length, "micro_batch_size": 1, "global_batch_size": 4, "dataset": "synthetic"}
        values |= {"steps": self.steps, "validation_every": 0, "checkpoint_every": 0}
        return [word for name, value in values.items() for word in ("--set", f"{name}={value}")]


JOBS = (
    Job("fsdp/tiny", 256, 24),
    Job("fsdp/tiny", 1024, 12),
    Job(f"{SIZED}:small", 256, 12),
    Job(f"{SIZED}:medium", 256, 10),
    Job(f"{SIZED}:large", 128, 10),
    Job(f"{SIZED}:60m", 128, 8),
)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--processes", type=int, nargs="*", default=[1, 2, 4])
    options.add_argument("--rounds", type=int, default=3)
    chosen = options.parse_args()
    print("| job | length | processes | forecast, ms | measured, ms | off | slowest over quickest |")
    print("|---|--:|--:|--:|--:|--:|--:|", flush=True)
    errors = []
    with scratch() as folder:
        os.environ["XDG_CACHE_HOME"] = str(folder / "cache")
        for processes in chosen.processes:
            rounds = [one_round(processes, folder) for _ in range(chosen.rounds)]
            for job, *pairs in zip(JOBS, *rounds, strict=True):
                forecast, measured = (median(values) for values in zip(*pairs, strict=True))
                runs = [seconds for _, seconds in pairs]
                errors.append(forecast / measured - 1)
                name = job.target.rpartition(":")[2]
                row = f"| {name} | {job.length} | {processes} | {forecast * 1e3:.1f} | {measured * 1e3:.1f} "
                print(f"{row}| {errors[-1]:+.1%} | {max(runs) / min(runs) - 1:+.1%} |", flush=True)
    off = [abs(error) for error in errors]
    within = f"{sum(error <= TARGET for error in off)} of {len(off)} within {TARGET:.0%}"
    print(f"\n{within}, median {median(off):.1%}, largest {max(errors, key=abs):+.1%}")


def one_round(processes: int, folder: Path) -> list[tuple[float, float]]:
    """Seconds of a step of each job, as forecast and as measured."""
    runs = folder / "rates"
    seatrial("forecast", "calibrate", "--microbench", "--processes", processes, "--set", "sweeps=1", "--runs-dir", runs)
    return [(predicted(job, processes), run(job, processes, folder)) for job in JOBS]


def predicted(job: Job, processes: int) -> float:
    """Seconds of a step."""
    told = json.loads(seatrial("forecast", job.target, "--processes", processes, *job.settings, "--json"))
    if "time" not in told:
        sys.exit(f"{job.target}: {told['unknown']['time']}")
    return float(told["time"]["step"])


def run(job: Job, processes: int, folder: Path) -> float:
    """Seconds of a step. In a run's first half memory finds its place."""
    runs = folder / "runs"
    command = ["run", job.target, "--processes", processes, *job.settings, "--runs-dir", runs]
    seatrial(*command, accepted=(0, 1, 3))
    steps = History(runs).runs[-1].events().of(Step)
    return median(step.seconds for step in steps[len(steps) // 2 :])


def seatrial(*words: object, accepted: tuple[int, ...] = (0,)) -> str:
    command = [sys.executable, "-m", "seatrial", *map(str, words)]
    done = subprocess.run(command, env=environment({}), capture_output=True, text=True)
    if done.returncode not in accepted:
        sys.exit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


if __name__ == "__main__":
    main()
