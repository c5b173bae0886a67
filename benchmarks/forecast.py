"""How good a forecast of a step is: published measurements, each forecast without what it is compared with.

    python benchmarks/forecast.py [--refit | --also COLLECTED.csv | --worst]

Families are left out whole: each accelerator, model, source in turn, and each configuration in turn. Beside the
forecast stand two predictors of the same split: the nearest measurement's MFU, and the median MFU by accelerator and
dtype. `--also` tries a second collection (columns of benchmarks/published_anchors.py) against all of the package's.
"""

from __future__ import annotations

import argparse
import collections
import csv
import io
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import forecast_fit
from all import store
from published_anchors import collected
from seatrial.forecast.anchors import COLUMNS, Anchor, anchors, read
from seatrial.forecast.expectation import QUANTILE, SPREADS, features, modelled, ripeness
from seatrial.forecast.residual import Residual

HEAD = (
    "| left out | measurements | median | 90th | within 80 % interval "
    "| nearest: median | 90th | constant MFU: median | 90th |",
    "|---|---|---|---|---|---|---|---|---|",
)


@dataclass
class Measured:
    """Measurements as arrays."""

    anchors: list[Anchor]

    def __post_init__(self) -> None:
        steps = modelled(self.anchors)
        self.jobs = [
            features(one.workload, one.place, found, year=one.year, task=one.task)
            for one, found in zip(self.anchors, steps, strict=True)
        ]
        self.model = np.log([float(found.tokens_per_second) for found in steps])
        self.model += [ripeness(job) for job in self.jobs]
        self.flops = np.log([float(found.flops["causal"] / found.tokens) for found in steps])
        self.peak = np.log([found.peak for found in steps])
        self.truth = np.log([one.tokens_per_second for one in self.anchors])
        self.residual = Residual(self.jobs, self.truth - self.model, SPREADS)

    def __len__(self) -> int:
        return len(self.anchors)


def nearest(data: Measured, train: list[int], test: list[int]) -> Any:
    """The MFU of the measurement that has most in common: accelerator, precision, model, then sizes."""

    def distance(one: int, other: int) -> float:
        a, b = data.jobs[one], data.jobs[other]
        unlike = (
            8.0 * (a.accelerator != b.accelerator) + 6.0 * (a.precision != b.precision) + 8.0 * (a.model != b.model)
        )
        unlike += 4.0 * (a.kind != b.kind) + 3.0 * (a.task != b.task) + 2.0 * (a.framework != b.framework)
        return unlike + 0.2 * sum(abs(x - y) for x, y in zip(a.layout, b.layout, strict=True)) + abs(a.year - b.year)

    near = [min(train, key=lambda other: distance(one, other)) for one in test]
    mfu = data.truth + data.flops - data.peak
    return mfu[near] - data.flops[test] + data.peak[test]


def constant(data: Measured, train: list[int], test: list[int]) -> Any:
    """The median MFU of that accelerator and dtype; of that dtype, of all, where there is none."""
    mfu = data.truth + data.flops - data.peak

    def median(one: int) -> float:
        job = data.jobs[one]
        for same in (
            lambda other: (
                (other.accelerator, other.precision.split()[0]) == (job.accelerator, job.precision.split()[0])
            ),
            lambda other: other.precision.split()[0] == job.precision.split()[0],
            lambda other: True,
        ):
            found = [mfu[i] for i in train if same(data.jobs[i])]
            if found:
                return float(np.median(found))
        raise AssertionError

    return np.array([median(one) for one in test]) - data.flops[test] + data.peak[test]


@dataclass
class Result:
    """Errors of one way to split."""

    truth: Any
    expected: Any
    spread: Any
    near: Any
    flat: Any
    index: list[int]


def cross_validate(data: Measured, family: Callable[[int], Any], baselines: bool = True) -> Result:
    """Each family forecast without itself."""
    groups: dict[Any, list[int]] = collections.defaultdict(list)
    for i in range(len(data)):
        groups[family(i)].append(i)
    order, expected, spread, near, flat = [], [], [], [], []
    for members in groups.values():
        left = set(members)
        train = [i for i in range(len(data)) if i not in left]
        ratio, deviation = data.residual.left_out(members)
        mean = data.model[members] + ratio
        order += members
        expected.append(mean)
        spread.append(deviation)
        near.append(nearest(data, train, members) if baselines else mean)
        flat.append(constant(data, train, members) if baselines else mean)
    return Result(data.truth[order], np.concatenate(expected), np.concatenate(spread), np.concatenate(near),
                  np.concatenate(flat), order)  # fmt: skip


def errors(expected: Any, truth: Any) -> tuple[float, float]:
    """Median and 90th percentile of the relative error."""
    error = np.abs(np.exp(expected - truth) - 1)
    return float(np.median(error)), float(np.quantile(error, 0.9))


def line(title: str, result: Result, chosen: Any) -> str:
    """A row of the table: the measurements that `chosen` picks."""
    pick = np.array([bool(chosen(i)) for i in result.index])
    if not pick.any():
        return f"| {title} | 0 |"
    truth, deviation = result.truth[pick], result.spread[pick]
    within = np.abs(truth - result.expected[pick]) <= QUANTILE * deviation
    figures = [*errors(result.expected[pick], truth), within.mean()]
    figures += [*errors(result.near[pick], truth), *errors(result.flat[pick], truth)]
    return f"| {title} | {pick.sum()} | " + " | ".join(f"{figure * 100:.1f} %" for figure in figures) + " |"


def configuration(data: Measured, i: int) -> Any:
    """What makes two measurements the same configuration, whatever release and source."""
    one, job = data.anchors[i], data.jobs[i]
    return one.architecture, job.accelerator, job.precision, one.accelerators, job.layout, one.workload.recompute


def pairs(data: Measured, result: Result) -> tuple[int, int, int]:
    """Of pairs of configurations of one model on one accelerator and count that differ by over 10 %, those whose faster
    one is named; the same by the nearest measurement; and how many there are."""
    place = {row: k for k, row in enumerate(result.index)}
    groups: dict[Any, list[int]] = collections.defaultdict(list)
    for i in range(len(data)):
        one = data.anchors[i]
        groups[one.architecture, one.place.accelerator, one.accelerators, one.source, one.task].append(place[i])
    right = flat = total = 0
    for members in groups.values():
        for n, a in enumerate(members):
            for b in members[:n]:
                difference = result.truth[a] - result.truth[b]
                if abs(difference) > np.log(1.1):
                    total += 1
                    right += (result.expected[a] - result.expected[b]) * difference > 0
                    flat += (result.near[a] - result.near[b]) * difference > 0
    return right, flat, total


def table(data: Measured) -> list[str]:
    """The report, in Markdown."""

    def dense(i: int) -> bool:
        return data.jobs[i].kind == "dense"

    lines = [*HEAD]
    splits = {
        "measurement": lambda i: i,
        "configuration": lambda i: configuration(data, i),
        "accelerator": lambda i: data.jobs[i].accelerator,
        "model": lambda i: data.jobs[i].model,
        "source": lambda i: data.anchors[i].source,
    }
    results = {name: cross_validate(data, family) for name, family in splits.items()}
    for name, result in results.items():
        lines.append(line(f"{name}, dense", result, dense))
        lines.append(line(f"{name}, mixtures and hybrids", result, lambda i: not dense(i)))
    for accelerator in sorted({job.accelerator for job in data.jobs}):
        lines.append(line(f"accelerator {accelerator}, dense", results["accelerator"],
                          lambda i, a=accelerator: dense(i) and data.jobs[i].accelerator == a))  # fmt: skip
    right, near, total = pairs(data, results["configuration"])
    lines += ["", f"Faster of two named: {right} of {total} pairs; by the nearest measurement {near}."]
    everything = results["configuration"], results["accelerator"], results["model"], results["source"]
    z = np.concatenate([np.abs(r.truth - r.expected) / r.spread for r in everything])
    lines.append(f"80 % of all that was left out lies within {np.quantile(z, 0.8):.2f} standard deviations.")
    counts = len(forecast_fit.CONSTANTS), len(forecast_fit.NAMES)
    lines.append(f"Fitted: {counts[0]} constants of the model, {counts[1]} of the residual, two of the interval.")
    return lines


def worst(data: Measured) -> None:
    """Prints families by their error, to look for causes."""
    for name, family in (
        ("configuration", lambda i: configuration(data, i)),
        ("accelerator", lambda i: data.jobs[i].accelerator),
    ):
        result = cross_validate(data, family, baselines=False)
        print(f"\n# {name}")
        groups = collections.defaultdict(list)
        for k, i in enumerate(result.index):
            one = data.anchors[i]
            job = data.jobs[i]
            groups[job.kind, one.workload.framework, one.architecture, job.accelerator, job.precision, one.task].append(
                (float(result.expected[k] - result.truth[k]), float(data.model[i] - data.truth[i]))
            )
        for key, values in sorted(groups.items()):
            array = np.array(values)
            if np.abs(array[:, 0]).max() > 0.08:
                print(*key, len(values), "forecast", np.round(array[:, 0], 2), "model", np.round(array[:, 1], 2))


def refitted(data: Measured) -> list[str]:
    """Each accelerator forecast with constants, too, that were settled without it, from their prior values."""
    lines = ["| constants settled without | dense | median | 90th | within 80 % interval |", "|---|---|---|---|---|"]
    everything = []
    for name in sorted({job.accelerator for job in data.jobs}):
        others = [one for one in data.anchors if one.place.accelerator != name]
        mine = [one for one in data.anchors if one.place.accelerator == name]
        fitted, spreads = forecast_fit.fit(others, forecast_fit.CENTRE, forecast_fit.SPREAD_CENTRE, rounds=2)
        observed, jobs = forecast_fit.ratios(others, fitted)
        truth, asked = forecast_fit.ratios(mine, fitted)
        mean, spread = Residual(jobs, observed, spreads).expect(asked)
        dense = np.array([job.kind == "dense" for job in asked])
        if dense.any():
            found = np.stack([truth, mean, spread])[:, dense]
            everything.append(found)
            lines.append(_refitted_line(name, found))
            print(lines[-1], file=sys.stderr, flush=True)
    return [*lines, _refitted_line("each in turn", np.concatenate(everything, axis=1))]


def _refitted_line(name: str, found: Any) -> str:
    truth, mean, spread = found
    figures = [*errors(mean, truth), (np.abs(truth - mean) <= QUANTILE * spread).mean()]
    return f"| {name} | {len(truth)} | " + " | ".join(f"{figure * 100:.1f} %" for figure in figures) + " |"


def untuned(tuned: Measured) -> list[str]:
    """Measurements of jobs that only had to work: what they reach of the forecast, which is for a tuned one."""
    others = [one for one in anchors() if not one.tuned]
    data = Measured(others)
    mean, _ = tuned.residual.expect(data.jobs)
    share = np.exp(data.truth - data.model - mean)
    low, middle, high = np.quantile(share, [0.1, 0.5, 0.9])
    reached = f"{middle:.0%} of the forecast (80 %: {low:.0%} to {high:.0%})"
    return ["", f"{len(others)} functional checks, not tuned, reach {reached}; they are no evidence for it."]


def other(tuned: Measured, path: Path) -> list[str]:
    """The report for a second collection, forecast with all of the package's measurements."""
    rows, left_out = collected(path)
    lines = io.StringIO()
    writer = csv.DictWriter(lines, COLUMNS)
    writer.writeheader()
    writer.writerows(rows)
    lines.seek(0)
    measured = read(lines)
    data = Measured(measured)
    both = Measured([*tuned.anchors, *measured])
    first = list(range(len(tuned)))
    mean, spread = tuned.residual.expect(data.jobs)
    index = list(range(len(tuned), len(both)))
    result = Result(data.truth, data.model + mean, spread, nearest(both, first, index), constant(both, first, index),
                    list(range(len(data))))  # fmt: skip
    report = [*HEAD]
    for title, wanted in (("tuned", True), ("functional checks", False)):
        for kind in ("dense", "mixture", "hybrid"):
            chosen = [i for i in range(len(data)) if measured[i].tuned == wanted and data.jobs[i].kind == kind]
            report.append(line(f"{title}, {kind}", result, set(chosen).__contains__))
    right, near, total = pairs(data, result)
    report += ["", f"Faster of two named: {right} of {total} pairs; by the nearest measurement {near}."]
    return report + [f"{count} left out: {reason}" for reason, count in left_out.most_common()]


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", type=Path, metavar="DOCUMENT", help="write the table into docs/forecast.md as well")
    parser.add_argument("--also", type=Path, metavar="COLLECTED")
    parser.add_argument("--refit", action="store_true", help="settle the constants again for each accelerator, slowly")
    parser.add_argument("--worst", action="store_true", help="families by their error, to look for causes")
    arguments = parser.parse_args()
    tuned = Measured([one for one in anchors() if one.tuned])
    if arguments.worst:
        worst(tuned)
    elif arguments.refit:
        print("\n".join(refitted(tuned)))
    elif arguments.also:
        print("\n".join(other(tuned, arguments.also)))
    else:
        found = "\n".join(table(tuned) + untuned(tuned))
        print(found)
        if arguments.write:
            store(arguments.write, "accuracy", found)


if __name__ == "__main__":
    main()
