"""What it costs a framework's program that `seatrial run` starts and watches it, against the same program started bare.

    python benchmarks/bare_ranks.py [--case jax --case nemo-run ...]

Both run the recipe `tiny` with the same arguments; bare, its processes are started from the rendered plan and nobody
looks at them: NeMo-Run launches its own ranks, the others are plain processes. Targets: steady tokens/s at least 0.98
of the bare ones', and no later first step (1.0; 1.05 is noise of two starts).
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from interleave import Row, interleave, parser, publish, ratio, row
from programs import finish, newest_run, scratch, seatrial_argv, started
from seatrial import catalog, environments, launchers
from seatrial.binding import bind
from seatrial.events import EventLog, Step
from seatrial.launchers.local import FREE_PORT, RUN_FOLDER, free_port
from seatrial.runs import Run

CASES = ("jax", "bionemo", "nemo-run")
WARM_UP = 20
SETTINGS: dict[str, object] = {"steps": 120, "checkpoint_every": 0, "validation_every": 0, "log_every": 1}
"""Nothing but steps."""


@dataclass(frozen=True, slots=True)
class Trained:
    """One training."""

    first_step: float
    """Seconds from the start to the first step's event."""
    rate: float
    """Median `count`/s of the steps after the warm-up."""


def read(log: EventLog, begin: float) -> Trained:
    """Of a run's events."""
    steps = [timed for timed in log.events if isinstance(timed.event, Step)]
    rates = [s.event.count / s.event.seconds for s in steps if s.event.step > WARM_UP]
    return Trained(steps[0].time - begin, statistics.median(rates))


def watched(case: str, folder: Path) -> Trained:
    """`seatrial run`."""
    begin = time.time()
    with started(seatrial_argv(case, folder / "runs", SETTINGS), folder / "log") as process:
        finish(process, folder / "log", accepted=(0, 1, 3))
    return read(newest_run(folder / "runs").events(), begin)


def bare(case: str, folder: Path) -> Trained:
    """The same processes, which nobody watches."""
    found, recipe = catalog.recipe(case)
    here = launchers.find(launchers.HERE)
    where = here.executor.machine()  # type: ignore[union-attr]
    job = bind(found, recipe, where, settings={key: str(value) for key, value in SETTINGS.items()})
    plan = here.render(job, where, "bare")
    run = folder / f"bare-{time.time_ns()}"
    for name in ("heartbeats", "logs", "stacks", "checkpoints"):
        (run / name).mkdir(parents=True)
    (run / "job.json").write_text(plan.files["job.json"])
    python, port = str(environments.interpreter(job)), str(free_port())
    begin = time.time()
    with contextlib.ExitStack() as stack:
        processes = []
        for number, command in enumerate(plan.commands):
            argv = [python, *(word.replace(RUN_FOLDER, str(run)) for word in command.argv[1:])]
            values = {FREE_PORT: port, RUN_FOLDER: str(run)}
            env = {name: values.get(value, value) for name, value in command.env.items()}
            processes.append(stack.enter_context(started(argv, run / f"logs/{number}", env)))
        for number, process in enumerate(processes):
            finish(process, run / f"logs/{number}")
    return read(Run(run).events(), begin)


def main() -> None:
    """Measure and print."""
    arguments: argparse.ArgumentParser = parser(__doc__, repeats=5)
    arguments.add_argument("--case", action="append", choices=CASES, help="by default all")
    options = arguments.parse_args()
    rows: list[Row] = []
    raw: dict[str, list[list[float]]] = {}
    for case in options.case or CASES:
        with scratch() as folder:
            watched(case, folder)  # makes environments and compiles bytecode
            programs: dict[str, Callable[[], Trained]] = {
                f"{case}, watched": lambda case=case, folder=folder: watched(case, folder),
                f"{case}, bare": lambda case=case, folder=folder: bare(case, folder),
            }
            found = interleave(programs, options.repeats)
        ours, theirs = found.values()
        rates = ratio([t.rate for t in ours], [t.rate for t in theirs])
        firsts = ratio([t.first_step for t in ours], [t.first_step for t in theirs])
        rows.append(row(f"`{case}`, tokens/s watched over bare", rates, "", digits=3, at_least=0.98))
        rows.append(row(f"`{case}`, time to the first step over bare", firsts, "", digits=3, at_most=1.05))
        raw |= {name: [[t.first_step, t.rate] for t in trained] for name, trained in found.items()}
    publish(rows, raw, as_json=options.json)


if __name__ == "__main__":
    main()
