"""How long it takes to play a run through, and what the published run of 16,384 GPUs comes to.

    python benchmarks/forecast_simulate.py [--picture docs/goodput.svg]

Target: 16,384 accelerators for 54 days, 1,000 draws, in at most 10 s of one core. The second table has the goodput of
that run by how long an interruption takes to be noticed and to be recovered from, which its paper does not say; it says
more than 90 %. In brackets the closed form, which takes what was announced as unexpected. The third has the mean times
to failure that the tables give for jobs of some sizes.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path

from seatrial.forecast.checkpoints import shares
from seatrial.forecast.failures import FLEETS, fleet, mean_time_to_failure
from seatrial.forecast.simulate import Scenario, simulate, spread
from seatrial.report.format import duration, percent
from seatrial.report.goodput import picture

RUN = Scenario(accelerators=16_384, days=54, fleet=fleet("llama3-405b"))
AT_MOST = 10.0
"""Seconds."""
DETECTIONS, RESTARTS = (30, 120, 600, 1800), (60, 300, 900)
SIZES = (512, 1024, 4096, 16_384, 131_072)


def speed() -> str:
    """Seconds of this process: of the run as it is, with few spares and stragglers, and of eight times as many GPUs."""
    scenarios = {
        "16,384 accelerators, 54 days": RUN,
        "the same, 12 spares, stragglers": replace(RUN, spares=12, slow=1e-6),
        "131,072 accelerators, 54 days": replace(RUN, accelerators=131_072),
    }
    lines = ["| 1,000 draws of | CPU time | target |", "| --- | ---: | ---: |"]
    for name, scenario in scenarios.items():
        begin = time.process_time()
        simulate(scenario)
        target = f"{AT_MOST:g} s" if scenario.accelerators == RUN.accelerators else ""
        lines.append(f"| {name} | {time.process_time() - begin:.2f} s | {target} |")
    return "\n".join(lines)


def sensitivity() -> str:
    """A row of each detection, a column of each restart: simulated, and by the closed form."""
    lines = ["| noticed after | " + " | ".join(f"restart {duration(r)}" for r in RESTARTS) + " |"]
    lines.append("| --- |" + " ---: |" * len(RESTARTS))
    for detection in DETECTIONS:
        cells = [_cell(replace(RUN, detection=detection, restart=restart)) for restart in RESTARTS]
        lines.append(f"| {duration(detection)} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _cell(scenario: Scenario) -> str:
    exact = shares(
        1 / scenario.rate,
        interval=scenario.every,
        stall=scenario.stall,
        detection=scenario.detection,
        restart=scenario.restart,
    )
    return f"{percent(spread(simulate(scenario, draws=300).goodput).expected)} ({percent(float(exact['useful']))})"


def mean_times() -> str:
    """A row of each table."""
    lines = ["| table | an accelerator-hour | " + " | ".join(f"{size:,}" for size in SIZES) + " | source |"]
    lines.append("| --- | ---: |" + " ---: |" * len(SIZES) + " --- |")
    for name, table in FLEETS.items():
        hours = " | ".join(f"{mean_time_to_failure(table.rate, size):.3g} h" for size in SIZES)
        lines.append(f"| {name} | {table.rate:.2e} | {hours} | {table.source} |")
    return "\n".join(lines)


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--picture", type=Path, metavar="FILE", help="write the run's picture there, as SVG")
    chosen = parser.parse_args()
    print(speed(), sensitivity(), mean_times(), sep="\n\n")
    if chosen.picture:
        chosen.picture.write_text(picture(simulate(RUN)) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
