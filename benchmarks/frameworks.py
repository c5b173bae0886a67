"""What a framework costs before its first step, and what Seatrial adds to torchtitan under its own launcher.

    python benchmarks/frameworks.py

The start-up share of each case's `tiny` is told, not judged: it is the framework's imports. Targets for what Seatrial
adds, in an environment that is made: steady tokens/s at least 0.98 of torchtitan's own entry point under torchrun with
the same configuration file, and no later first step (at most 1.0; 1.05 is noise of two starts).
"""

from __future__ import annotations

import re
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from interleave import Row, interleave, parser, publish, ratio, row
from programs import HERE, finish, newest_run, scratch, seatrial_argv, started
from seatrial import catalog, environments, versions
from seatrial.events import RunStart, Step

STEPS = 60
WARM_UP = 10
STEP_LINE = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}) - .*step: *(\d+) .*tps: ([\d,]+)")


@dataclass(frozen=True, slots=True)
class Trained:
    """One training of torchtitan."""

    first_step: float
    """Seconds from the start of the command to the first step's line."""
    rate: float
    """Median tokens/s per rank after the warm-up."""


def cases() -> list[str]:
    """Those that train, but for environments that are too much to be made unasked."""
    return [
        case.name
        for case in catalog.cases()
        if case.purpose == "training" and (case.environment or "") not in versions.ON_REQUEST
    ]


def startup(case: str) -> Row:
    """Where the time of one run of a case's tiny goes."""
    with scratch() as folder:
        begin = time.time()
        with started(seatrial_argv(case, folder / "runs", {}), folder / "log") as process:
            finish(process, folder / "log", accepted=(0, 1, 3))
        whole = time.time() - begin
        log = newest_run(folder / "runs").events()
        times = {
            kind: next(t.time for t in log.events if isinstance(t.event, kind)) - begin for kind in (RunStart, Step)
        }
    shares = f"first step after {times[Step]:.1f} s of {whole:.1f} s ({times[Step] / whole:.0%})"
    return Row(f"`{case}/tiny`, start-up", shares, f"ready to step after {times[RunStart]:.1f} s")


def read(log: Path, begin: float) -> Trained:
    """Both programs print torchtitan's own lines, with the time."""
    lines = STEP_LINE.findall(log.read_text(encoding="utf-8", errors="replace"))
    first = datetime.strptime(lines[0][0], "%Y-%m-%d %H:%M:%S,%f").timestamp()
    rates = [float(rate.replace(",", "")) for _, step, rate in lines if int(step) > WARM_UP]
    return Trained(first - begin, statistics.median(rates))


def with_seatrial(folder: Path) -> Trained:
    """`seatrial run torchtitan`."""
    begin = time.time()
    settings = {"steps": STEPS, "log_every": 1, "checkpoint_every": 0}
    with started(seatrial_argv("torchtitan", folder / "runs", settings), folder / "log") as process:
        finish(process, folder / "log", accepted=(0, 1, 3))
    return read(newest_run(folder / "runs").log_path(0), begin)


def without(folder: Path, python: str) -> Trained:
    """torchrun with the file that the newest run of ours left behind."""
    config = (newest_run(folder / "runs").path / "torchtitan.toml").read_text(encoding="utf-8")
    own = folder / f"bare-{time.time_ns()}"
    own.mkdir()
    changed = re.sub(r'dump_folder = ".*"', f'dump_folder = "{own}"', config)
    (own / "torchtitan.toml").write_text(changed, encoding="utf-8")
    argv = [python, "-m", "torch.distributed.run", "--nproc-per-node=2", "--rdzv-backend=c10d"]
    argv += ["--rdzv-endpoint=127.0.0.1:0", str(HERE / "bare_torchtitan.py")]
    argv += ["--job.config_file", str(own / "torchtitan.toml")]
    begin = time.time()
    with started(argv, own / "log", {"OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"}) as process:
        finish(process, own / "log")
    return read(own / "log", begin)


def main() -> None:
    """Measure and print."""
    options = parser(__doc__, repeats=5).parse_args()
    python = str(environments.python(environments.ensure("pytorch")))
    rows = [startup(case) for case in cases()]
    with scratch() as folder:
        with_seatrial(folder)  # prepares data and leaves the first configuration
        programs: dict[str, Callable[[], Trained]] = {
            "seatrial": lambda: with_seatrial(folder),
            "torchrun": lambda: without(folder, python),
        }
        found = interleave(programs, options.repeats)
    ours, theirs = found["seatrial"], found["torchrun"]
    rates = ratio([t.rate for t in ours], [t.rate for t in theirs])
    firsts = ratio([t.first_step for t in ours], [t.first_step for t in theirs])
    rows.append(row("torchtitan, tokens/s through Seatrial over torchrun", rates, "", digits=3, at_least=0.98))
    rows.append(row("torchtitan, time to the first step over torchrun", firsts, "", digits=3, at_most=1.0))
    raw = {name: [[t.first_step, t.rate] for t in trained] for name, trained in found.items()}
    publish(rows, raw, as_json=options.json)


if __name__ == "__main__":
    main()
