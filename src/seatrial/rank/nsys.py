"""``python -m seatrial.rank.nsys -m PROGRAM``: the program, under Nsight Systems where its rank is recorded.

Stands between every launcher and the program of a job that nsys profiles, so that no launcher has to know of it. The
rest of the process's life is nsys's, which starts the program as its child: a process of a node records the ranks that
it starts.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from seatrial.errors import ExitCode, Problem
from seatrial.profiling import FOLDER, Profile
from seatrial.rank.core import Rank
from seatrial.rank.place import place
from seatrial.rank.start import read_job

ADAPTERS = Path("/sys/class/infiniband")
"""Where the kernel lists RDMA devices; EFA's driver is called efa."""


def main() -> NoReturn:
    """Become the program, or nsys around it."""
    run = Path(os.environ["SEATRIAL_RUN"])
    job = read_job(run)
    wanted, program = Profile.of(job["profile"]), [sys.executable, *sys.argv[1:]]
    ranks = _ranks(job)
    if not any(map(wanted.takes, ranks)):
        _become(program)
    nsys = shutil.which("nsys")
    if nsys is None:
        _refuse(run, job)
    (run / FOLDER).mkdir(exist_ok=True)
    mine = f"rank-{ranks[0]}" if len(ranks) == 1 else f"node-{ranks[0] // len(ranks)}"
    with_efa = _first_of_node(wanted, job, ranks) and has_efa(ADAPTERS)
    _become([nsys, *options(wanted, run / wanted.file(mine), efa=with_efa), *program])


def options(wanted: Profile, path: Path, *, efa: bool) -> list[str]:
    """What nsys 2024.4 or newer is told. `efa`: also sample the node's EFA devices, of which all its ranks share one
    record."""
    words = ["profile", f"--output={path}", "--force-overwrite=true", f"--trace={','.join(wanted.traces)}"]
    words += ["--sample=none", "--cpuctxsw=none"]  # of the CPU's cores: large, and read by nothing here
    if wanted.steps is not None:
        words += ["--capture-range=cudaProfilerApi", "--capture-range-end=stop"]
    else:
        # Without --kill=none nsys would end the program with the window.
        words += [f"--delay={wanted.delay:g}", f"--duration={wanted.duration:g}", "--kill=none"]
    return [*words, *(["--enable=efa_metrics"] if efa else [])]


def has_efa(adapters: Path) -> bool:
    """Whether a device is driven by EFA's driver."""
    drivers = (adapter / "device" / "driver" for adapter in (adapters.iterdir() if adapters.is_dir() else ()))
    return any(driver.resolve().name == "efa" for driver in drivers)


def _ranks(job: dict[str, Any]) -> range:
    """The rank that this process is, or those that it starts."""
    mine = place(job)
    if job["launch"] == "rank":
        return range(mine.rank, mine.rank + 1)
    return range(mine.rank, mine.rank + (job["processes_per_node"] if job["launch"] == "node" else mine.world_size))


def _first_of_node(wanted: Profile, job: dict[str, Any], ranks: range) -> bool:
    """Whether no rank before this one on its node is recorded."""
    node = ranks[0] // job["processes_per_node"] * job["processes_per_node"]
    return not any(map(wanted.takes, range(node, ranks[0])))


def _refuse(run: Path, job: dict[str, Any]) -> NoReturn:
    remedy = "install NVIDIA Nsight Systems on the nodes or in the image, or record with --profile tool=torch"
    problem = Problem("nsys is not on the PATH of this node", "--profile tool=nsys", remedy)
    print(f"error: {problem}", file=sys.stderr)
    Rank(run, job).end("failed", 0, reason=str(problem).partition("\n")[0], final=True)
    sys.exit(ExitCode.USAGE)


def _become(words: Sequence[str]) -> NoReturn:
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(words[0], list(words))


if __name__ == "__main__":
    main()
