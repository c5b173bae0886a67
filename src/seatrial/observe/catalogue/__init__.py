"""Every metric that rules, dashboards and scrape configurations may name, and who emits it.

A module in seatrial.observe.catalogue.emitters is an emitter, found by being there. docs/metrics.md is made of them.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable

from seatrial.errors import Problem, UserError, unknown
from seatrial.observe.catalogue.metric import TARGET_LABELS, UNITS, Emitter, Metric
from seatrial.observe.catalogue.query import Recorded, labels_of, problems_of

__all__ = [
    "EMITTERS",
    "METRICS",
    "TARGET_LABELS",
    "UNITS",
    "Emitter",
    "Metric",
    "check_query",
    "find",
    "labels",
]


def _emitters() -> Iterable[Emitter]:
    package = importlib.import_module("seatrial.observe.catalogue.emitters")
    for module in pkgutil.iter_modules(package.__path__):
        yield importlib.import_module(f"{package.__name__}.{module.name}").EMITTER


EMITTERS: dict[str, Emitter] = {emitter.id: emitter for emitter in _emitters()}
"""Id -> who emits metrics."""

METRICS: dict[str, Metric] = {metric.name: metric for emitter in EMITTERS.values() for metric in emitter.metrics}
"""Name -> metric. No two emitters have the same name."""

_SERIES: dict[str, Metric] = {
    **{series: metric for metric in METRICS.values() for old in metric.old_names for series in metric.series_of(old)},
    **{series: metric for metric in METRICS.values() for series in metric.series},
}
"""Every name that a query may use: also old ones, and the ``_bucket``, ``_sum`` and ``_count`` of histograms."""


def find(name: str) -> Metric:
    """The metric of that name, which may also be an old name or a series of a histogram.

    Raises UserError with the nearest names.
    """
    found = METRICS.get(name) or _SERIES.get(name)
    if found is not None:
        return found
    raise UserError(_unknown(name))


def check_query(promql: str, recorded: Recorded | None = None, where: str = "") -> list[Problem]:
    """What of a PromQL expression cannot give data: it does not parse, or names a metric or label that nobody emits.

    `recorded`: names of recording rules -> their labels, None where those are not known. Grafana's own variables, such
    as ``$__rate_interval``, stand for a duration.
    """
    return problems_of(promql, _SERIES, recorded or {}, where, lambda name: _unknown(name, recorded or (), where))


def labels(promql: str, recorded: Recorded | None = None) -> frozenset[str] | None:
    """Labels that the result of a PromQL expression may have; None if they are not known. Raises ValueError if it does
    not parse."""
    return labels_of(promql, _SERIES, recorded or {})


def _unknown(name: str, recorded: Iterable[str] = (), where: str = "") -> Problem:
    problem = unknown("metric", name, [*_SERIES, *recorded], where)
    nearest = problem.remedy if problem.remedy.startswith("did you mean") else "docs/metrics.md lists all metrics"
    return Problem(f"nobody emits a metric {name!r}", where, nearest)
