"""Repetitions in turn, ratios of neighbours and how sure they are; and the one way in which a benchmark prints.

Two programs that are compared run in turn, and only neighbours are divided by each other, so that a machine that is
busier for a while makes both slower alike. The range beside a figure is a 95 % bootstrap interval of the median.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

T = TypeVar("T")
RESAMPLES = 2000


@dataclass(frozen=True, slots=True)
class Estimate:
    """A median and its 95 % interval; the interval is nan for fewer than three values."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the result table."""

    measure: str
    result: str
    interval: str = ""
    target: str = ""
    met: bool | None = None
    """None: there is no target."""


def interleave(programs: Mapping[str, Callable[[], T]], repeats: int) -> dict[str, list[T]]:
    """Call every program `repeats` times in turn, in the opposite order every second time."""
    results: dict[str, list[T]] = {name: [] for name in programs}
    names = list(programs)
    for number in range(repeats):
        for name in names if number % 2 == 0 else reversed(names):
            results[name].append(programs[name]())
            print(f"{number + 1}/{repeats} {name}", file=sys.stderr)
    return results


def estimate(values: Sequence[float]) -> Estimate:
    """The median, and the interval in which the median of as many other repetitions would lie."""
    middle = statistics.median(values)
    if len(values) < 3:
        return Estimate(middle, math.nan, math.nan)
    generator = random.Random(0)
    medians = sorted(statistics.median(generator.choices(values, k=len(values))) for _ in range(RESAMPLES))
    return Estimate(middle, medians[int(0.025 * RESAMPLES)], medians[int(0.975 * RESAMPLES)])


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> Estimate:
    """Median of ours / theirs over neighbouring repetitions."""
    return estimate([a / b for a, b in zip(ours, theirs, strict=True)])


def row(
    measure: str,
    found: Estimate,
    unit: str,
    *,
    digits: int = 2,
    at_most: float | None = None,
    at_least: float = -math.inf,
) -> Row:
    """A line of the table from an estimate and its target. `unit` is written behind every figure."""

    def text(value: float) -> str:
        return f"{value:.{digits}f}{unit}"

    interval = "" if math.isnan(found.low) else f"{text(found.low)} to {text(found.high)}"
    if at_most is not None:
        return Row(measure, text(found.value), interval, f"at most {text(at_most)}", found.value <= at_most)
    if at_least > -math.inf:
        return Row(measure, text(found.value), interval, f"at least {text(at_least)}", found.value >= at_least)
    return Row(measure, text(found.value), interval)


def parser(description: str | None, *, repeats: int) -> argparse.ArgumentParser:
    """The options that every benchmark has."""
    made = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--repeats", type=int, default=repeats, help=f"repetitions of each program, default {repeats}")
    made.add_argument("--json", action="store_true", help="print rows and raw figures as JSON instead of a table")
    return made


def publish(rows: Sequence[Row], raw: Mapping[str, Any], *, as_json: bool) -> None:
    """Print the result."""
    if as_json:
        print(json.dumps({"rows": [asdict(r) for r in rows], "raw": raw}, indent=1))
    else:
        print(markdown(rows))


def markdown(rows: Sequence[Row]) -> str:
    """The result as a table."""
    met = {True: "yes", False: "**no**", None: ""}
    lines = ["| measure | result | 95 % interval | target | met |", "|---|---|---|---|---|"]
    lines += [f"| {r.measure} | {r.result} | {r.interval} | {r.target} | {met[r.met]} |" for r in rows]
    return "\n".join(lines)
