"""How long the command takes to start: its time beyond that of a bare interpreter (`python -c pass`).

    python benchmarks/startup.py

Targets: `seatrial --help` and `seatrial list` at most 0.15 s over the bare interpreter, `seatrial render fsdp` at most
0.3 s in all, also for each kind of cluster (clusters.toml). Modules are compiled to bytecode by an unmeasured first
run, as an installation does.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from interleave import estimate, interleave, parser, publish, row
from programs import HERE, environment

COMMANDS = {
    "bare interpreter": ["-c", "pass"],
    "seatrial --help": ["-m", "seatrial", "--help"],
    "seatrial list": ["-m", "seatrial", "list"],
    "seatrial render fsdp": ["-m", "seatrial", "render", "fsdp"],
    **{
        f"seatrial render fsdp/llama3.1-8b --on {name}": [
            *("-m", "seatrial", "render", "fsdp/llama3.1-8b", "--on", name)
        ]
        for name in ("slurm", "kubernetes", "batch")
    },
}
OVER_BARE = 0.15
RENDER_TOTAL = 0.3


def seconds(arguments: list[str]) -> float:
    """Wall time of one start."""
    env = environment({"SEATRIAL_CONFIG": str(HERE / "clusters.toml"), "HF_TOKEN": "none"})
    env.pop("PYTHONDONTWRITEBYTECODE", None)  # it would compile every module at every start
    begin = time.perf_counter()
    subprocess.run([sys.executable, *arguments], env=env, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - begin


def main() -> None:
    """Measure and print."""
    options = parser(__doc__, repeats=20).parse_args()
    programs: dict[str, Callable[[], float]] = {name: partial(seconds, argv) for name, argv in COMMANDS.items()}
    for warm_up in programs.values():
        warm_up()
    times = interleave(programs, options.repeats)
    bare = times["bare interpreter"]
    rows = []
    for name, values in times.items():
        renders = name.startswith("seatrial render")
        total = row(f"`{name}`, total", estimate(values), " s", digits=3, at_most=RENDER_TOTAL if renders else None)
        rows.append(replace(total, result=f"{total.result} (best {min(values):.3f} s)"))
        if values is not bare:
            over = estimate([a - b for a, b in zip(values, bare, strict=True)])
            rows.append(row(f"`{name}`, over bare", over, " s", digits=3, at_most=None if renders else OVER_BARE))
    publish(rows, times, as_json=options.json)


if __name__ == "__main__":
    main()
