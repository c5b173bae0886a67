"""Time from `kill -9` of a rank to the first finished step of the next attempt, against torchrun --max-restarts.

    python benchmarks/recovery.py

The program is the same, seatrial.cases.fsdp.train with the model `tiny` on 2 CPU processes and a checkpoint every 10
steps; only what watches and restarts it differs. Rank 1 is killed some steps after the second checkpoint; the time is
that of the program's own event. Includes noticing the death, ending the other rank, starting both again, and loading.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

from interleave import estimate, interleave, parser, publish, ratio, row
from programs import TIMEOUT, newest_run, scratch, seatrial_argv, started, torchrun_argv
from seatrial.events import EventLog, RunStart, Step
from seatrial.history import History
from seatrial.runs import Run
from training import bound

SETTINGS = {"steps": 10_000, "checkpoint_every": 10, "validation_every": 0}
KILL_AFTER = 24
"""Steps after which the rank is killed."""
TORCHRUN = ["--rdzv-backend", "c10d", "--rdzv-endpoint", "127.0.0.1:0", "--max-restarts", "2"]
# By default the agent shares its store with the program, and a second attempt finds the first one's addresses in it:
# with gloo it never came up (torch 2.13; github.com/pytorch/pytorch/issues/135712).
TORCHRUN_ENVIRONMENT = {"TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1"}


def with_seatrial() -> float:
    """Seconds until a run that the local launcher restarts steps on."""
    with scratch() as folder:
        runs = folder / "runs"
        with started(seatrial_argv("fsdp", runs, SETTINGS), folder / "log") as process:
            try:
                return kill_and_wait(wait_for_run(runs))
            finally:
                process.send_signal(signal.SIGTERM)  # its ranks have sessions of their own
                process.wait(TIMEOUT)


def with_torchrun() -> float:
    """Seconds until a run that torchrun restarts steps on."""
    with scratch() as folder:
        run = History(folder / "runs").create(bound("fsdp", SETTINGS))
        argv = torchrun_argv("-m", "seatrial.cases.fsdp.train", options=TORCHRUN)
        with started(argv, folder / "log", TORCHRUN_ENVIRONMENT | {"SEATRIAL_RUN": str(run.path)}) as process:
            try:
                return kill_and_wait(run)
            finally:
                process.send_signal(signal.SIGTERM)
                process.wait(TIMEOUT)


def wait_for_run(runs: Path) -> Run:
    """The run, once its folder is there."""
    deadline = time.monotonic() + TIMEOUT
    while not list(runs.glob("*/job.json")):
        if time.monotonic() > deadline:
            raise TimeoutError("no run was created")
        time.sleep(0.05)
    return newest_run(runs)


def kill_and_wait(run: Run) -> float:
    """Kill rank 1 after some steps. Returns the seconds until the first step of the next attempt was done."""
    wait_until(run, lambda log: bool(log.of(Step)) and log.of(Step)[-1].step >= KILL_AFTER)
    killed = time.time()
    os.kill(process_of_rank(run, 1), signal.SIGKILL)
    log = wait_until(run, lambda log: first_step_after_restart(log) is not None)
    finished = first_step_after_restart(log)
    assert finished is not None
    return finished - killed


def first_step_after_restart(log: EventLog) -> float | None:
    """When the second attempt finished its first step, Unix seconds; None if it has not."""
    starts = 0
    for timed in log.events:
        starts += isinstance(timed.event, RunStart)
        if starts == 2 and isinstance(timed.event, Step):
            return timed.time
    return None


def wait_until(run: Run, condition: Callable[[EventLog], bool]) -> EventLog:
    """The run's events, as soon as they meet a condition."""
    deadline = time.monotonic() + TIMEOUT
    while time.monotonic() < deadline:
        log = run.events()
        if condition(log):
            return log
        time.sleep(0.05)
    raise TimeoutError(f"nothing happened for {TIMEOUT:.0f} s in {run.path}")


def process_of_rank(run: Run, rank: int) -> int:
    """The process of a rank, by the variables that it was started with."""
    wanted = {f"SEATRIAL_RUN={run.path.resolve()}".encode(), f"RANK={rank}".encode()}
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if wanted <= set((folder / "environ").read_bytes().split(b"\0")):
                return int(folder.name)
    raise RuntimeError(f"rank {rank} of {run.path} has no process")


def main() -> None:
    """Measure and print."""
    options = parser(__doc__, repeats=5).parse_args()
    times = interleave({"seatrial": with_seatrial, "torchrun": with_torchrun}, options.repeats)
    rows = [
        row("kill -9 to next step, `seatrial run`", estimate(times["seatrial"]), " s"),
        row("kill -9 to next step, torchrun --max-restarts", estimate(times["torchrun"]), " s"),
        row("ratio, median of pairs", ratio(times["seatrial"], times["torchrun"]), ""),
    ]
    publish(rows, times, as_json=options.json)


if __name__ == "__main__":
    main()
