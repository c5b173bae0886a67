"""Steps of `fsdp` on this machine's CPUs, as forecast from the measured parts of a step, and as they were.

    python benchmarks/forecast_cpu.py
    python benchmarks/forecast_cpu.py --processes 2

For each number of processes `seatrial forecast calibrate --microbench` measures the parts; then six jobs are forecast
and run, each forecast before its run. Nothing is fitted to them. A step is the lower quartile of a run's second half:
what others do to a step only adds to it. The last column is the share of the machine's time that others took in those
steps, hypervisors among them: two threads that wait for each other lose several times as much.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, median

import numpy as np

from programs import HERE, environment, scratch
from seatrial.events import Step, Timed
from seatrial.runs import History

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
    Job("fsdp/tiny", 256, 40),
    Job("fsdp/tiny", 1024, 20),
    Job(f"{SIZED}:small", 256, 20),
    Job(f"{SIZED}:medium", 256, 16),
    Job(f"{SIZED}:large", 128, 16),
    Job(f"{SIZED}:60m", 128, 14),
)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--processes", type=int, nargs="*", default=[1, 2, 4])
    chosen = options.parse_args()
    print(
        "| job | length | processes | forecast, ms | measured, ms | off | others |\n|---|--:|--:|--:|--:|--:|--:|",
        flush=True,
    )
    errors = []
    with scratch() as folder:
        os.environ["XDG_CACHE_HOME"] = str(folder / "cache")
        for processes in chosen.processes:
            seatrial("forecast", "calibrate", "--microbench", "--processes", processes, "--runs-dir", folder / "rates")
            for job in JOBS:
                forecast = predicted(job, processes)
                measured, share = run(job, processes, folder)
                errors.append(forecast / measured - 1)
                name = job.target.rpartition(":")[2]
                row = f"| {name} | {job.length} | {processes} | {forecast * 1e3:.1f} | {measured * 1e3:.1f} "
                print(f"{row}| {errors[-1]:+.1%} | {share:.1%} |", flush=True)
    off = [abs(error) for error in errors]
    within = f"{sum(error <= TARGET for error in off)} of {len(off)} within {TARGET:.0%}"
    print(f"\n{within}, median {median(off):.1%}, largest {max(errors, key=abs):+.1%}")


def predicted(job: Job, processes: int) -> float:
    """Seconds of a step."""
    told = json.loads(seatrial("forecast", job.target, "--processes", processes, *job.settings, "--json"))
    if "time" not in told:
        sys.exit(f"{job.target}: {told['unknown']['time']}")
    return float(told["time"]["step"])


def run(job: Job, processes: int, folder: Path) -> tuple[float, float]:
    """Seconds of a step, and the share of others meanwhile. In a run's first half memory finds its place."""
    runs = folder / "runs"
    with Watch() as watch:
        command = ["run", job.target, "--processes", processes, *job.settings, "--runs-dir", runs]
        seatrial(*command, accepted=(0, 1, 3))
    timed = [one for one in History(runs).runs[-1].events().events if isinstance(one.event, Step)]
    half = timed[len(timed) // 2 :]
    return float(np.quantile([one.event.seconds for one in half], 0.25)), fmean(watch.others(one) for one in half)


class Watch:
    """The machine's time that was not idle, looked at every 20 ms."""

    def __init__(self) -> None:
        self._seen: list[tuple[float, float]] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._ended.wait(0.02):
            user, nice, system, _, _, interrupts, soft, stolen = map(int, Path("/proc/stat").read_text().split()[1:9])
            ticks = user + nice + system + interrupts + soft + stolen
            self._seen.append((time.time(), ticks / os.sysconf("SC_CLK_TCK")))

    def others(self, step: Timed) -> float:
        """Share of the machine's time in a step that its ranks did not take."""
        seconds = step.event.seconds
        moments, busy = zip(*self._seen, strict=True)
        begun, ended = np.interp([step.time - seconds, step.time], moments, busy)
        theirs = ended - begun - sum(step.event.ranks["cpu"])
        return max(0.0, float(theirs) / seconds / (os.cpu_count() or 1))


def seatrial(*words: object, accepted: tuple[int, ...] = (0,)) -> str:
    command = [sys.executable, "-m", "seatrial", *map(str, words)]
    done = subprocess.run(command, env=environment({}), capture_output=True, text=True)
    if done.returncode not in accepted:
        sys.exit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


if __name__ == "__main__":
    main()
