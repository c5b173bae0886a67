"""Every query of every dashboard, executed by a real Prometheus on a history of every metric."""

from __future__ import annotations

import re
from collections.abc import Iterator
from math import isfinite
from pathlib import Path

import pytest

from seatrial.observe.dashboards import DASHBOARDS, Dashboard, Panel
from seatrial.observe.dashboards.grafana import _variable
from tests.observe.backfilled import Prometheus, chosen, missing, prometheus

pytestmark = pytest.mark.skipif(bool(missing()), reason=f"not installed: {', '.join(missing())}")
LEFT_OUT = ("train_loss", "node_amazonefa_rx_bytes")


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    with prometheus(tmp_path_factory.mktemp("prometheus")) as running:
        yield running


def answers(running: Prometheus, panel: Panel) -> Iterator[tuple[str, list[dict[str, str]], list[float]]]:
    """Legend, labels and values of each query, asked as Grafana asks it."""
    ask = running.over if panel.kind in ("lines", "heatmap") else running.at
    for legend, promql in panel.queries.items():
        series = ask(chosen(promql))
        told = [value for one in series for _, value in (one["values"] if "values" in one else [one["value"]])]
        yield legend, [one["metric"] for one in series], [float(value) for value in told]


@pytest.mark.parametrize("board", DASHBOARDS.values(), ids=DASHBOARDS)
def test_every_query_gives_data(filled: Prometheus, board: Dashboard) -> None:
    for panel in board.panels:
        for legend, labels, values in answers(filled, panel):
            assert values and all(map(isfinite, values)), (panel.title, legend)
            for name in re.findall(r"\{\{(\w+)\}\}", legend):
                assert all(name in one for one in labels), f"{panel.title}: {legend} would be empty"
            told = {name for one in labels for name in one}
            assert {"node", "run_id"} & panel.labels <= told, f"{panel.title} has no labels to lead on by"
            if panel.unit == "ratio" and "of the median" not in panel.title:
                assert max(values) <= 1.001, f"{panel.title}: {max(values)} is no share"
            if panel.unit == "seconds":
                assert min(values) >= 0, f"{panel.title}: {min(values)} s"


@pytest.mark.parametrize("board", DASHBOARDS.values(), ids=DASHBOARDS)
def test_there_is_something_to_choose(filled: Prometheus, board: Dashboard) -> None:
    for name in board.variables:
        query = _variable(name, board).query
        assert isinstance(query, dict)
        selector, label = re.fullmatch(r"label_values\((.+), (\w+)\)", str(query["query"])).groups()  # type: ignore[union-attr]
        assert {series["metric"].get(label) for series in filled.at(chosen(selector))} - {None}, name


def test_what_is_not_emitted_gives_none(tmp_path: Path) -> None:
    """The test above sees it if a metric is missing."""
    with prometheus(tmp_path, leave_out=LEFT_OUT) as running:
        empty = {
            (board.name, panel.title)
            for board in DASHBOARDS.values()
            for panel in board.panels
            for _, _, values in answers(running, panel)
            if not values
        }
    assert empty == {("run", "Loss, nats"), ("efa", "Sent and received")}
