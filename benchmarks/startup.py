"""How long the command takes to start, as a multiple of a bare interpreter (`python -c pass`): machines differ.

    python benchmarks/startup.py

Targets: `seatrial --help` at most 6 times, `seatrial list` and the completion of a word at most 8 times, `seatrial
render` of one job at most 20 times, also for each kind of cluster (clusters.toml). A forecast is to take 0.3 s, a
search of some 10^5 layouts and a simulation of 1,000 long runs 10 s: they have no target here. Every command runs once
before it is measured: modules are compiled to bytecode, as an installation does, and what is kept between two calls is
there. How long a first call takes, with neither an index of the catalogue nor checked clusters at hand, has no target.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from interleave import estimate, interleave, parser, publish, ratio, row
from programs import HERE, environment

BARE = "bare interpreter"
LISTS = ["-m", "seatrial", "list"]
COMPLETES = "completion of "


def renders(cluster: str) -> list[str]:
    """A job of 4 nodes, for a cluster of clusters.toml."""
    return ["-m", "seatrial", "render", "fsdp/llama3.1-8b", "--on", cluster]


CLUSTERS = ("slurm", "kubernetes", "batch")
FORECASTS = (
    "nemo-run/llama3.1-8b",
    "nemo-run/llama3.1-70b --search --nodes 8..32",
    "simulate --accelerators 16384 --days 54",
)
COMMANDS: dict[str, tuple[list[str], float | None]] = {
    "seatrial --help": (["-m", "seatrial", "--help"], 6),
    "seatrial list": (LISTS, 8),
    **{
        f"{COMPLETES}seatrial {line}": (["-m", "seatrial"], 8)
        for line in ("run fsdp/ll", "run fsdp --set sched", "run fsdp --option max", "lint x --instance p5")
    },
    "seatrial render fsdp": (["-m", "seatrial", "render", "fsdp"], 20),
    **{f"seatrial render fsdp/llama3.1-8b --on {name}": (renders(name), 20) for name in CLUSTERS},
    **{f"seatrial forecast {line}": (["-m", "seatrial", "forecast", *line.split()], None) for line in FORECASTS},
}
FIRST = {"seatrial list, first": LISTS, "seatrial render fsdp/llama3.1-8b --on slurm, first": renders("slurm")}


def seconds(arguments: list[str], cache: Path, more: Mapping[str, str] | None = None, *, first: bool = False) -> float:
    """Wall time of one start. `first`: nothing was kept from the one before."""
    if first:
        shutil.rmtree(cache, ignore_errors=True)
    variables = {"SEATRIAL_CONFIG": str(HERE / "clusters.toml"), "HF_TOKEN": "none", "XDG_CACHE_HOME": str(cache)}
    env = environment(variables | (dict(more) if more else {}))
    env.pop("PYTHONDONTWRITEBYTECODE", None)  # it would compile every module at every start
    begin = time.perf_counter()
    subprocess.run([sys.executable, *arguments], env=env, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - begin


def main() -> None:
    """Measure and print."""
    options = parser(__doc__, repeats=20).parse_args()
    with tempfile.TemporaryDirectory() as folder:
        warm, cold = Path(folder, "warm"), Path(folder, "cold")
        programs: dict[str, Callable[[], float]] = {BARE: partial(seconds, ["-c", "pass"], warm)}
        for name, (argv, _) in COMMANDS.items():
            line = name.removeprefix(COMPLETES)
            completes = {"_SEATRIAL_COMPLETE": "bash_complete", "COMP_WORDS": line}
            programs[name] = partial(seconds, argv, warm, completes if line != name else None)
        programs |= {name: partial(seconds, argv, cold, first=True) for name, argv in FIRST.items()}
        for warm_up in programs.values():
            warm_up()
        times = interleave(programs, options.repeats)
    rows = [row(f"`{BARE}`", estimate(times[BARE]), " s", digits=3)]
    for name, values in times.items():
        if name != BARE:
            target = COMMANDS[name][1] if name in COMMANDS else None
            found = row(f"`{name}`, over bare", ratio(values, times[BARE]), " x", digits=1, at_most=target)
            rows.append(replace(found, result=f"{found.result} ({estimate(values).value:.3f} s)"))
    publish(rows, times, as_json=options.json)


if __name__ == "__main__":
    main()
