"""The forecast of collective operations against published measurements, and how good it is where it has seen nothing.

    python benchmarks/forecast_collectives.py              # the tables
    python benchmarks/forecast_collectives.py --fit        # the constants anew, for seatrial.forecast.collectives
    python benchmarks/forecast_collectives.py --rows       # every point

`anchors_collectives.csv` has the points that the constants are fitted to; `curves_collectives.csv` two whole curves of
which the fit sees five points; `regions_collectives.csv` where aws-ofi-nccl changes the algorithm on p5en (between its
vertices by straight lines of logarithms). Left out means fitted without any point of that instance type. Three simple
rules stand beside the model: every link at its line rate without latency; a ring through one network card; and a
reduce-scatter within nodes, an all-reduce between them on all cards, an all-gather within.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace

import numpy as np
from scipy.optimize import minimize

from programs import HERE
from seatrial.forecast import bus
from seatrial.forecast.collectives import FITTED, Fitted, times
from seatrial.forecast.links import links

OPERATIONS = {"alltoall": "all_to_all"}
INSTANCES = {"8x H200 (p5en class)": "p5en.48xlarge"}
FORCED = {"Ring (NVLS off)": "ring", "Ring forced": "ring", "NVLSTree forced": "NVLS tree"}
CHOSEN = {"Ring": "ring", "default = Ring": "ring", "NVLS": "NVLS", "NVLSTree": "NVLS tree"}
LARGE = 16 * 2**30
"""What points without a size are taken for: their sources give the largest of their sweeps."""


@dataclass(frozen=True)
class Point:
    """One published measurement."""

    instance: str
    nodes: int
    ranks: int
    operation: str
    size: int
    seconds: float
    forced: str | None
    chosen: str | None
    """What NCCL took, where the source says so."""
    alone: bool
    """Whether each operation was timed by itself, as torch's benchmark does."""
    note: str

    @property
    def shape(self) -> tuple[str, int, str]:
        return self.instance, self.nodes, self.operation


def anchors() -> list[Point]:
    """Those that the constants are fitted to."""
    with (HERE / "anchors_collectives.csv").open(encoding="utf-8", newline="") as file:
        return [_anchor(row) for row in csv.DictReader(file)]


def _anchor(row: dict[str, str]) -> Point:
    operation, ranks, size = OPERATIONS.get(row["op"], row["op"]), int(row["gpus"]), int(row["size_bytes"] or LARGE)
    return Point(
        instance=INSTANCES.get(row["shape"], row["shape"]),
        nodes=int(row["nodes"]),
        ranks=ranks,
        operation=operation,
        size=size,
        seconds=bus.on_the_wire(operation, ranks, size) / float(row["busbw_gbps"]) / bus.GB,
        forced=FORCED.get(row["algo"]),
        chosen=CHOSEN.get(row["algo"]),
        alone=row["versions"].startswith("torch"),
        note=", ".join(filter(None, (row["algo"], row["versions"]))),
    )


def curves() -> list[Point]:
    """Two sweeps from 8 bytes on, back-to-back."""
    with (HERE / "curves_collectives.csv").open(encoding="utf-8", newline="") as file:
        return [
            Point(
                instance=row["shape"],
                nodes=int(row["nodes"]),
                ranks=int(row["gpus"]),
                operation=row["op"],
                size=int(row["size_bytes"]),
                seconds=float(row["time_us"]) / 1e6,
                forced=None,
                chosen=None,
                alone=False,
                note="curve",
            )
            for row in csv.DictReader(file)
        ]


def forecast(points: Sequence[Point], fitted: Fitted = FITTED) -> tuple[np.ndarray, list[str]]:
    """Seconds and algorithm of each."""
    found = [
        times(
            p.operation,
            p.size,
            p.ranks,
            p.ranks // p.nodes,
            links(p.instance),
            only=p.forced,
            alone=p.alone,
            fitted=fitted,
        )
        for p in points
    ]
    return np.array([float(f.seconds) for f in found]), [str(f.way) for f in found]


def errors(points: Sequence[Point], seconds: np.ndarray) -> np.ndarray:
    """Relative errors of the times."""
    return np.abs(seconds / np.array([p.seconds for p in points]) - 1)


def fit(points: Sequence[Point]) -> Fitted:
    """The constants by which the times of these points are off least: absolute logarithms, so outliers pull little.

    What these points say nothing of stays as nccl-tests measures: no start.
    """
    names = [field.name for field in fields(Fitted)]
    if not any(p.alone for p in points):
        names = [name for name in names if not name.startswith("start")]
    first = replace(Fitted(), start=0.0, start_between=0.0) if len(names) < len(fields(Fitted)) else Fitted()
    measured = np.log([p.seconds for p in points])
    begin = np.log([getattr(Fitted(), name) for name in names])

    def off(logs: np.ndarray) -> float:
        made = replace(first, **dict(zip(names, np.exp(logs).tolist(), strict=True)))
        return float(np.mean(np.abs(np.log(forecast(points, made)[0]) - measured)))

    found = minimize(off, begin, method="Nelder-Mead", options={"maxiter": 300, "xatol": 1e-3, "fatol": 1e-5})
    return replace(first, **dict(zip(names, np.exp(found.x).tolist(), strict=True)))


def line_rate(points: Sequence[Point]) -> np.ndarray:
    """What crosses the narrowest link, at its line rate."""

    def one(p: Point) -> float:
        known = links(p.instance)
        wide = known.between * p.ranks / p.nodes if p.nodes > 1 else known.inside
        if p.operation == "all_to_all":
            wide = known.between
        return bus.on_the_wire(p.operation, p.ranks, p.size) / wide

    return np.array([one(p) for p in points])


def one_card(points: Sequence[Point]) -> np.ndarray:
    """A flat ring: between nodes all goes through the card of one accelerator."""

    def one(p: Point) -> float:
        known = links(p.instance)
        return bus.on_the_wire(p.operation, p.ranks, p.size) / (known.between if p.nodes > 1 else known.inside)

    return np.array([one(p) for p in points])


def in_levels(points: Sequence[Point]) -> np.ndarray:
    """An all-reduce by levels; anything else as the model has it."""

    def one(p: Point) -> float:
        known, inner = links(p.instance), p.ranks // p.nodes
        if p.operation != "all_reduce" or p.nodes == 1:
            return float(times(p.operation, p.size, p.ranks, inner, known, alone=p.alone).seconds)
        within = [times(op, p.size, inner, inner, known, alone=p.alone) for op in ("reduce_scatter", "all_gather")]
        across = times("all_reduce", p.size / inner, p.nodes, 1, known, alone=p.alone)
        return float(sum(level.seconds for level in (*within, across)))

    return np.array([one(p) for p in points])


def left_out(points: Sequence[Point]) -> np.ndarray:
    """Errors of each point, by constants that no point of its instance type had a part in."""
    found = np.empty(len(points))
    for instance in dict.fromkeys(p.instance for p in points):
        mine = [number for number, p in enumerate(points) if p.instance == instance]
        made = fit([p for p in points if p.instance != instance])
        held = [points[number] for number in mine]
        found[mine] = errors(held, forecast(held, made)[0])
    return found


def table(points: Sequence[Point]) -> str:
    """A row of each shape, and one of all."""
    seconds, ways = forecast(points)
    columns = {
        "model": errors(points, seconds),
        "left out": left_out(points),
        "line rate": errors(points, line_rate(points)),
        "one card": errors(points, one_card(points)),
        "in levels": errors(points, in_levels(points)),
    }
    lines = [
        "| instance | nodes | operation | points | model | 90 % | left out | line rate | one card | in levels |",
        "| --- | ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    shapes = {p.shape: [q.shape == p.shape for q in points] for p in points}
    for (instance, nodes, operation), chosen in shapes.items():
        lines.append(_row(f"| {instance} | {nodes} | {operation} |", columns, np.array(chosen)))
    lines.append(_row("| **all** | | |", columns, np.ones(len(points), bool)))
    told = [(p.chosen, way) for p, way in zip(points, ways, strict=True) if p.chosen]
    right = sum(chosen == way for chosen, way in told)
    ratios = np.quantile(seconds / np.array([p.seconds for p in points]), [0.1, 0.9])
    return "\n".join(
        [
            *lines,
            "",
            f"Algorithm named right: {right} of the {len(told)} points whose sources say which.",
            f"Four of five points take {1 / ratios[1]:.2f} to {1 / ratios[0]:.2f} of the time that is forecast.",
        ]
    )


def regions() -> str:
    """How often the algorithm is that of aws-ofi-nccl's table, on 80 sizes from 1 KiB to 16 GiB each."""
    with (HERE / "regions_collectives.csv").open(encoding="utf-8", newline="") as file:
        rows_ = [*csv.DictReader(file)]
    sizes, right = 2.0 ** np.linspace(10, 34, 80), []
    for ranks in dict.fromkeys(int(row["ranks"]) for row in rows_):
        mine = [row for row in rows_ if int(row["ranks"]) == ranks]
        places = np.searchsorted([int(row["until_bytes"]) for row in mine], sizes * (1 - 1e-9))
        found = times("all_reduce", sizes, ranks, 8, links("p5en.48xlarge"), alone=False)
        right += [way == mine[place]["way"] for way, place in zip(found.way, places, strict=True)]
    return f"Algorithm as in aws-ofi-nccl's table for p5en: {np.mean(right):.0%} of {len(right)} sizes and ranks."


def _row(head: str, columns: dict[str, np.ndarray], chosen: np.ndarray) -> str:
    model = columns["model"][chosen]
    figures = [np.median(model), np.quantile(model, 0.9)]
    figures += [np.median(columns[name][chosen]) for name in ("left out", "line rate", "one card", "in levels")]
    return f"{head} {chosen.sum()} | " + " | ".join(f"{figure:.1%}" for figure in figures) + " |"


def rows(points: Sequence[Point]) -> str:
    """Every point."""
    seconds, ways = forecast(points)
    return "\n".join(
        f"{p.instance:18} {p.nodes:>2} {p.ranks:>3} {p.operation:11} {p.size:>12} {p.seconds * 1e6:>10.1f} us "
        f"{s * 1e6:>10.1f} us {s / p.seconds - 1:>+7.1%} {way:9} {p.note}"
        for p, s, way in zip(points, seconds, ways, strict=True)
    )


def constants(made: Fitted) -> str:
    """The constants, one a line."""
    return "\n".join(f"{name} = {value:.4g}" for name, value in asdict(made).items())


def main() -> None:
    """Print what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, what in (("fit", "the constants anew"), ("rows", "every point")):
        parser.add_argument(f"--{name}", action="store_true", help=what)
    chosen = parser.parse_args()
    known = anchors()
    if chosen.fit:
        print(constants(fit(known)))
    elif chosen.rows:
        print(rows([*known, *curves()]))
    else:
        print(table(known))
        print(regions())
        seen = errors(curves(), forecast(curves())[0])
        for instance in dict.fromkeys(p.instance for p in curves()):
            mine = seen[[p.instance == instance for p in curves()]]
            print(f"{instance}, the whole curve from 8 bytes on, {len(mine)} sizes: median {np.median(mine):.1%}")


if __name__ == "__main__":
    main()
