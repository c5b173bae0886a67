"""Dashboards for Grafana. They show only what some exporter emits: another metric or label is an error when rendering.

A module in seatrial.observe.dashboards.boards is a dashboard, found by being there. docs/dashboards.md is made of them.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable

from seatrial.errors import UserError, unknown
from seatrial.observe import checking
from seatrial.observe.catalogue import METRICS
from seatrial.observe.checking.found import Found
from seatrial.observe.dashboards.model import MOST, Dashboard, Panel

__all__ = ["DASHBOARDS", "MOST", "Dashboard", "Panel", "find", "render", "showing"]


def _boards() -> Iterable[Dashboard]:
    package = importlib.import_module("seatrial.observe.dashboards.boards")
    for module in pkgutil.iter_modules(package.__path__):
        yield importlib.import_module(f"{package.__name__}.{module.name}").DASHBOARD


DASHBOARDS: dict[str, Dashboard] = {board.name: board for board in _boards()}
"""Name -> dashboard."""


def find(names: Iterable[str]) -> list[Dashboard]:
    """The dashboards of these names. Raises UserError with the nearest to each that there is none of."""
    names = list(names)
    if problems := [unknown("dashboard", name, DASHBOARDS) for name in names if name not in DASHBOARDS]:
        raise UserError(problems)
    return [DASHBOARDS[name] for name in names]


def render(names: Iterable[str] = DASHBOARDS, runbooks: str = "") -> dict[str, str]:
    """Name of a file -> its text, which Grafana reads. Raises UserError if a query names what nobody emits.

    `runbooks`: address of the page of alerts, which rows of firing alerts then lead to.
    """
    from seatrial.observe.dashboards.grafana import to_json

    boards = find(names)
    if problems := checking.judge(found for board in boards for found in _queries(board)).problems:
        raise UserError(problems)
    return {f"{board.uid}.json": to_json(board, DASHBOARDS, runbooks) for board in boards}


def _queries(board: Dashboard) -> Iterable[Found]:
    for panel in board.panels:
        for legend, promql in panel.queries.items():
            yield Found.of_panel(board.name, panel.title, promql, legend)


def showing(promql: str) -> Dashboard | None:
    """The dashboard that shows most of the metrics of a query, for links from alerts; None if there is none."""
    asked = frozenset(Panel("", {"": promql}).metrics) & METRICS.keys()
    shown = {b.name: sum(bool(asked.intersection(p.metrics)) for p in b.panels) for b in DASHBOARDS.values()}
    best = max(shown, key=shown.__getitem__)
    return DASHBOARDS[best] if shown[best] else None
