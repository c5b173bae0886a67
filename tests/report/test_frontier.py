"""The picture of a search: every layout that can be, those that none beats, and those of the table."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial
from xml.etree import ElementTree

import numpy as np
import pytest

from seatrial.forecast.expectation import expected_seconds
from seatrial.forecast.job import forecast
from seatrial.forecast.places import place
from seatrial.forecast.search import Answer, Space, search
from seatrial.hardware import GIB
from seatrial.report.frontier import picture
from seatrial.report.search import Row
from tests.pictures import outside, texts
from tests.report.test_forecast_picture import JOB

SPACE = Space(
    nodes=(8, 16), tensor=(2, 4, 8), pipeline=(4, 8), virtual_stages=(1, 2), context=(1, 2), expert=(1,),
    micro_batch=(1,), recompute=("none", "full"),
)  # fmt: skip


def found(space: Space = SPACE) -> Answer:
    pace = partial(expected_seconds, year=2026.8)
    return search(JOB, place("p5.48xlarge"), space, per_node=8, available=80 * GIB, pace=pace)


def rows(answer: Answer, count: int = 5) -> list[Row]:
    told = []
    for one in answer.best[:count]:
        known = forecast(one.workload, "p5.48xlarge", 80 * GIB, year=2026.8)
        assert known.pace is not None
        told.append(Row(nodes=one.nodes, forecast=known, seconds=known.pace.seconds.expected))
    return told


ANSWER = found()
ROWS = rows(ANSWER)


def drawn(answer: Answer = ANSWER, told: list[Row] = ROWS, price: float | None = None) -> ElementTree.Element:
    root = ElementTree.fromstring(picture("Layouts <of> &", answer, told, price))
    assert list(outside(root)) == []
    return root


def of(root: ElementTree.Element, name: str) -> list[ElementTree.Element]:
    return [one for one in root.iter() if one.attrib.get("class") == name]


def points(path: ElementTree.Element) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in re.findall(r"[ML]([\d.]+) ([\d.]+)", path.attrib["d"])]


def test_the_search_hands_over_every_layout_that_can_be() -> None:
    possible = ANSWER.layouts - sum(ANSWER.forbidden.values())
    assert len(ANSWER.seconds) == len(ANSWER.nodes) == possible > 50
    assert ANSWER.seconds.min() == ANSWER.frontier[0].seconds
    assert (ANSWER.nodes * ANSWER.seconds).min() == pytest.approx(ANSWER.frontier[-1].node_seconds)


def test_no_layout_lies_below_and_left_of_the_frontier() -> None:
    root = drawn()
    [cloud], [frontier] = of(root, "cloud"), of(root, "frontier")
    corners = points(frontier)
    assert len(corners) == len(ANSWER.frontier) and 20 < len(points(cloud)) <= len(ANSWER.seconds)
    for x, y in points(cloud):  # y grows downwards; the cloud's dots lie on a grid of 3 px
        assert not any(x < a - 2 and y > b + 2 for a, b in corners)
    assert min(x for x, _ in points(cloud)) == pytest.approx(corners[0][0], abs=2)


def test_layouts_of_as_many_nodes_lie_on_one_line() -> None:
    [cloud] = of(drawn(), "cloud")
    there = np.array(points(cloud))
    corners = [points(of(drawn(), "frontier")[0])[0], points(of(drawn(), "frontier")[0])[-1]]
    assert ANSWER.frontier[0].nodes == 16 and ANSWER.frontier[-1].nodes == 8
    seconds = np.log10(ANSWER.seconds)
    cost = np.log10(ANSWER.nodes * ANSWER.seconds)
    slope = (np.ptp(there[:, 1]) / np.ptp(cost)) / (np.ptp(there[:, 0]) / np.ptp(seconds))
    apart = {round((y + slope * x) / 6) for x, y in there}
    lines = {round((y + slope * x) / 6) for x, y in corners}
    assert all(min(abs(one - line) for line in lines) <= 2 for one in apart)


def test_the_ends_are_labelled_with_what_they_are() -> None:
    said = texts(drawn())
    first, last = ANSWER.frontier[0], ANSWER.frontier[-1]
    assert {"A", "B", "8 nodes", "16 nodes", "node-hours for 10^9 tokens"} <= set(said)
    [fastest] = [one for one in said if one.startswith("fastest: ")]
    [cheapest] = [one for one in said if one.startswith("cheapest: ")]
    assert f": 16 nodes, tensor {first.workload.degrees.tensor}, pipeline " in fastest
    assert f": 8 nodes, tensor {last.workload.degrees.tensor}, pipeline " in cheapest
    hours = 1e9 / (128 * 8192) * last.node_seconds / 3600
    assert f"{hours:,.4g} node-hours" in cheapest
    assert f"{len(ANSWER.seconds):,} layouts that can be, of {ANSWER.layouts:,};" in said[1]


def test_the_first_of_the_table_is_where_the_table_has_it() -> None:
    from seatrial.report.format import duration

    root = drawn()
    assert len(of(root, "best")) == len(ROWS)
    ring = of(root, "best")[0]
    corner = points(of(root, "frontier")[0])[0]
    assert (float(ring.attrib["cx"]), float(ring.attrib["cy"])) == pytest.approx(corner, abs=0.02)
    assert any(one.startswith(f"fastest: {duration(ROWS[0].seconds)}, ") for one in texts(root))


def test_with_a_price_cost_is_told_in_dollars() -> None:
    said = texts(drawn(price=50.0))
    assert "USD for 10^9 tokens" in said and not any("node-hours" in one for one in said)
    hours, usd = (
        float(found[1].replace(",", ""))
        for text, unit in ((texts(drawn()), "node-hours"), (said, "USD"))
        if (found := re.search(rf"cheapest: .*, ([\d.,]+) {unit}: ", "\n".join(text)))
    )
    assert usd == pytest.approx(50 * hours, rel=1e-3)


def test_one_layout_alone_is_both_ends() -> None:
    one = ANSWER.frontier[0].workload
    only = Space(
        nodes=(16,), tensor=(one.degrees.tensor,), pipeline=(one.degrees.pipeline,),
        virtual_stages=(one.virtual_stages,), context=(one.degrees.context,), expert=(1,), micro_batch=(1,),
        recompute=(one.recompute,),
    )  # fmt: skip
    answer = found(only)
    assert len(answer.seconds) == 1
    said = texts(drawn(answer, rows(answer)))
    assert any(text.startswith("fastest and cheapest: ") for text in said) and "B" not in said


def test_no_layout_is_said() -> None:
    answer = found(replace(SPACE, tensor=(3,)))
    assert len(answer.seconds) == 0 and "No layout can be." in texts(drawn(answer, []))


def test_the_cloud_of_many_layouts_stays_small() -> None:
    count = 20_000
    seconds = np.geomspace(ANSWER.seconds.min(), ANSWER.seconds.max(), count)
    many = replace(ANSWER, seconds=seconds, nodes=np.resize([8, 16], count))
    assert len(picture("Layouts", many, ROWS, None)) < 60_000
