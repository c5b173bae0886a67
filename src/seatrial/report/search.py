"""What a search of layouts found, in sections."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from seatrial.forecast.job import Forecast
from seatrial.forecast.search import Answer
from seatrial.hardware import GIB
from seatrial.report.document import Section, Table
from seatrial.report.format import duration, quantity
from seatrial.workload import Workload

COLUMNS: Mapping[str, Callable[[Workload], object]] = {
    "tensor": lambda one: one.degrees.tensor,
    "pipeline": lambda one: one.degrees.pipeline,
    "virtual": lambda one: one.virtual_stages,
    "context": lambda one: one.degrees.context,
    "expert": lambda one: one.degrees.expert,
    "data": lambda one: one.degrees.data,
    "micro": lambda one: one.micro_batch_size,
    "recompute": lambda one: one.recompute,
}
"""What tells layouts apart, by the names of their columns."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One layout."""

    nodes: int
    forecast: Forecast
    seconds: float
    """Of a step, as expected."""


def sections(answer: Answer, rows: Sequence[Row], refused: int, price: float | None) -> Iterator[Section]:
    """`price` is USD for a node and hour; None: cost is told in node-hours."""
    possible = answer.layouts - sum(answer.forbidden.values())
    can_be = f"{possible:,} of which can be. Of the best of them:" if rows else f"{possible or 'none'} of which can be."
    told = [f"{answer.layouts:,} layouts, {can_be}"]
    if refused:
        told.append(f"The case itself refuses {refused}.")
    values = {name: [str(value(row.forecast.workload)) for row in rows] for name, value in COLUMNS.items()}
    differ = [name for name, column in values.items() if len(set(column)) > 1]
    same = [f"{name} {column[0]}" for name, column in values.items() if rows and name not in differ]
    if same:
        told.append(f"The same in all: {', '.join(same)}.")
    unit = "node-hours" if price is None else "USD"
    table = Table(
        headers=("", "nodes", *differ, "step", "tokens/s", "cost", "memory"),
        rows=tuple(
            (str(place), str(row.nodes), *(values[name][place - 1] for name in differ), *_figures(row, price))
            for place, row in enumerate(rows, 1)
        ),
        numeric=frozenset(range(len(differ) + 6)),
        caption=f"Cost is of 10^9 tokens, in {unit}.",
    )
    yield Section(title="Best layouts", paragraphs=tuple(told), tables=(table,) if rows else ())
    if answer.forbidden:
        counted = tuple((reason, f"{count:,}") for reason, count in answer.forbidden.items())
        yield Section(
            title="What forbids the others",
            tables=(Table(headers=("first reason", "layouts"), rows=counted, numeric=frozenset({1})),),
        )


def _figures(row: Row, price: float | None) -> Iterator[str]:
    assert row.forecast.pace is not None and row.forecast.fit is not None  # a search has both
    rate = float(row.forecast.pace.step.tokens) / row.seconds
    yield duration(row.seconds)
    yield quantity(rate)
    yield f"{row.nodes * 1e9 / rate / 3600 * (price or 1.0):,.4g}"
    yield f"{row.forecast.fit.bytes.expected / GIB:.3g} GiB"
