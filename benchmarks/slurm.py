"""What Seatrial adds to Slurm: to one submission, to one whole job, and to 200 jobs that one process follows.

    python benchmarks/slurm.py          # as root, with Debian's slurm packages (.ci/run lists them)

The Slurm is real and runs on loopback (tests/trials/slurm); its sbatch answers within about 10 ms, so that a difference
of milliseconds shows. Targets: a submission takes at most 10 % more than the command's own start-up (`seatrial render
-o`, which does all but submit) and a bare sbatch of the same files; a job from the command to its end at most 10 % more
than that start-up and `sbatch --wait`. Scheduler commands are counted by scripts of the same name that stand before
them in PATH.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

from interleave import Estimate, Row, estimate, interleave, parser, publish, row
from programs import HERE, environment, scratch

sys.path.insert(0, str(HERE.parent))

from seatrial import catalog, flow, following
from seatrial.binding import bind
from seatrial.cluster import Cluster
from seatrial.errors import ExitCode
from seatrial.history import History
from seatrial.launchers import slurm as launcher
from seatrial.runs import State
from tests.trials.slurm.harness import Slurm

CASE = str(HERE / "nothing_case.py")
COMMANDS = ("sbatch", "squeue", "sacct", "scontrol", "scancel")
JOBS = 200
AT_MOST = 1.1


@contextmanager
def counted(folder: Path) -> Iterator[Path]:
    """A Slurm in this process's environment, each of whose commands adds a line to the file that is given."""
    log = folder / "calls"
    log.touch()
    (folder / "bin").mkdir()
    with Slurm(folder / "slurm", nodes=4) as slurm:
        for command in COMMANDS:
            script = folder / "bin" / command
            script.write_text(f'#!/bin/sh\necho {command} >>{log}\nexec {shutil.which(command)} "$@"\n')
            script.chmod(0o755)
        os.environ |= slurm.env
        yield log


def cluster(shared: Path) -> Cluster:
    """Nodes that take many small jobs at once."""
    options = launcher.Options(exclusive=False)
    variables = {"PYTHONPATH": str(HERE.parent / "src")}
    return Cluster(
        name="sea",
        launcher="slurm",
        nodes=4,
        cpus_per_node=1,
        shared=str(shared),
        python=sys.executable,
        environment=variables,
        options=options,
    )


def toml(folder: Path) -> None:
    """The same cluster for the command."""
    (folder / "seatrial.toml").write_text(
        f'[clusters.sea]\nlauncher = "slurm"\nnodes = 4\ncpus_per_node = 1\nshared = "{folder}/shared"\n'
        f'python = "{sys.executable}"\nenvironment = {{PYTHONPATH = "{HERE.parent / "src"}"}}\n'
        "options = {exclusive = false}\n"
    )


def timed(folder: Path, argv: list[str]) -> float:
    """Wall time of a command."""
    begin = time.perf_counter()
    done = subprocess.run(argv, cwd=folder, env=variables(), capture_output=True)
    assert done.returncode in (ExitCode.PASSED, ExitCode.UNKNOWN), done.stderr.decode()  # nothing is expected of it
    return time.perf_counter() - begin


def variables() -> dict[str, str]:
    """This process's variables, and where the Slurm is."""
    return environment({"SLURM_CONF": os.environ["SLURM_CONF"]})


class Programs:
    """What is compared; every call has a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.number = 0

    def seatrial(self, *argv: str) -> float:
        """The command."""
        self.number += 1
        words = [word.format(n=self.number) for word in argv]
        return timed(self.folder, [sys.executable, "-m", "seatrial", *words])

    def sbatch(self, *argv: str) -> float:
        """sbatch of the same files, which are there already."""
        self.number += 1
        plan = self.folder / f"bare-{self.number}"
        subprocess.run(
            [sys.executable, "-m", "seatrial", "render", CASE, "--on", "sea", "-o", str(plan)],
            cwd=self.folder,
            env=variables(),
            check=True,
            capture_output=True,
        )
        return timed(plan, ["sbatch", *argv, "job.sbatch"])


def one_job(folder: Path, repeats: int) -> list[Row]:
    """Submission alone, and a job from submission to end."""
    toml(folder)
    programs = Programs(folder)
    times = interleave(
        {
            "start-up": partial(programs.seatrial, "render", CASE, "--on", "sea", "-o", "plan-{n}"),
            "run": partial(programs.seatrial, "run", CASE, "--on", "sea", "--detach"),
            "sbatch": partial(programs.sbatch),
            "whole run": partial(programs.seatrial, "run", CASE, "--on", "sea", "--json"),
            "whole sbatch": partial(programs.sbatch, "--wait"),
        },
        repeats,
    )

    def over(ours: str, theirs: str) -> Estimate:
        triples = zip(times[ours], times["start-up"], times[theirs], strict=True)
        return estimate([run / (start + bare) for run, start, bare in triples])

    names = {
        "start-up": "own start-up (`render -o`)",
        "run": "`run --on sea --detach`",
        "sbatch": "`sbatch`",
        "whole run": "`run --on sea`, to the verdict",
        "whole sbatch": "`sbatch --wait`",
    }
    return [
        *(row(names[name], estimate(values), " s", digits=3) for name, values in times.items()),
        row("submission over start-up and `sbatch`", over("run", "sbatch"), "", at_most=AT_MOST),
        row("whole job over start-up and `sbatch --wait`", over("whole run", "whole sbatch"), "", at_most=AT_MOST),
    ]


def many_jobs(folder: Path, log: Path) -> list[Row]:
    """One process submits and follows them; it asks about all of them at once."""
    os.environ["PATH"] = f"{folder / 'bin'}:{os.environ['PATH']}"
    case, recipe = catalog.recipe(CASE)
    where = cluster(folder / "shared")
    job = replace(bind(case, recipe, where), requires=())
    history = History(folder / "many")
    begin = time.perf_counter()
    runs = []
    for number in range(JOBS):
        name = f"job-{number}"
        runs += flow.start(launcher.render(job, where, name), job, where, history, name)
    submitted = time.perf_counter() - begin
    looks = 0
    while any(run.state().live for run in runs):
        time.sleep(following.POLL_SECONDS)
        assert not following.refresh(runs)
        looks += 1
    ended = time.perf_counter() - begin
    calls = log.read_text().split()
    completed = sum(run.state() is State.COMPLETED for run in runs)
    # What the jobs themselves call, to find their first node, is not ours to count.
    inside = 2 * JOBS
    counts = {command: calls.count(command) for command in COMMANDS}
    counts["scontrol"] -= inside
    return [
        Row(f"{JOBS} jobs submitted", f"{submitted:.1f} s"),
        Row(f"{JOBS} jobs submitted, run and judged from their events", f"{ended:.1f} s"),
        Row("of them completed", f"{completed}", target=f"{JOBS}", met=completed == JOBS),
        Row("looks at them", f"{looks}"),
        *(Row(f"calls of `{command}`", f"{number}") for command, number in counts.items() if number),
    ]


def main() -> None:
    """Measure and print."""
    options = parser(__doc__, repeats=10).parse_args()
    with scratch() as folder, counted(folder) as log:
        rows = [*one_job(folder, options.repeats), *many_jobs(folder, log)]
    publish(rows, {}, as_json=options.json)


if __name__ == "__main__":
    main()
