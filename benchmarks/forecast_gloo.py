"""Gloo's collective operations on this machine, by latency and bandwidth.

    python benchmarks/forecast_gloo.py

The case `collectives` measures them on two processes, three times. A line through every second size is held against the
sizes between, of each size the quickest time of all: what else the machine does only adds to it.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from programs import environment
from seatrial.checks.collectives import formulas
from seatrial.forecast import bus
from seatrial.forecast.line import fit

RUNS = 3


def table() -> str:
    """A row of each operation: a line through every second size, held against the others. The quickest of all runs."""
    lines = [
        "| operation | alpha, us | beta, GB/s | sizes held back | median error |",
        "| --- | --: | --: | --: | --: |",
    ]
    runs = [sweep() for _ in range(RUNS)]
    for operation in runs[0]:
        measured = [
            min(same, key=lambda point: point[1]) for same in zip(*(run[operation] for run in runs), strict=True)
        ]
        seen, held = measured[::2], measured[1::2]
        line = fit(seen)
        if line is None:
            lines.append(f"| {operation} | no line | | {len(held)} | |")
            continue
        off = np.median([abs(line.seconds(wire) / seconds - 1) for wire, seconds in held])
        lines.append(f"| {operation} | {line.alpha_us:.3g} | {line.beta_gbps:.3g} | {len(held)} | {off:.1%} |")
    return "\n".join(lines)


def sweep() -> dict[str, list[tuple[float, float]]]:
    """Operation -> (bytes on the wire, seconds), by the case `collectives` on two processes of this machine."""
    with tempfile.TemporaryDirectory() as folder:
        settings = ["--set", "min_bytes=1024", "--set", "max_bytes=67108864", "--set", "step_factor=2"]
        command = [sys.executable, "-m", "seatrial", "run", "collectives", *settings, "--runs-dir", folder]
        subprocess.run(command, env=environment({}), stdout=subprocess.DEVNULL, check=True)
        found = {}
        for path in sorted(Path(folder).glob("*/collectives/*.json")):
            name, document = formulas.operation(path.stem), json.loads(path.read_text(encoding="utf-8"))
            ranks = len(document["config"]["devices"])
            found[name] = [
                (bus.on_the_wire(name, ranks, row["size"]), _quickest_us(row) / 1e6) for row in document["results"]
            ]
        return found


def _quickest_us(row: dict) -> float:
    """Of the iterations: what else the machine does only adds to them."""
    return (row.get("out_of_place_per_iter") or row["in_place_per_iter"])["min_us"]


if __name__ == "__main__":
    print(table())
