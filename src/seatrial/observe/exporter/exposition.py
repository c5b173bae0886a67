"""Prometheus' text format.

The client library's own writer takes 7 microseconds for a sample; a run's samples do not change while it takes no step,
so that here their lines are made once and kept (benchmarks/observe.py).
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from seatrial.observe.catalogue import METRICS

Families = dict[str, str]
"""Metric -> its sample lines, each with its end of line."""

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_SPECIAL = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


def label(name: str, value: object) -> str:
    """``name="value"``, escaped."""
    return f'{name}="{str(value).translate(_SPECIAL)}"'


def labels(**values: object) -> str:
    """Labels of a sample, in this order."""
    return ",".join(label(name, value) for name, value in values.items())


def number(value: float) -> str:
    """A sample's value."""
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"
    return repr(value)


def line(metric: str, labels: str, value: float) -> str:
    """A sample."""
    return f"{metric}{{{labels}}} {number(value)}\n" if labels else f"{metric} {number(value)}\n"


def text(families: Mapping[str, str]) -> bytes:
    """What is served: each metric's lines together, under what it is."""
    return "".join(f"{_head(name)}{lines}" for name, lines in families.items() if lines).encode()


def _head(name: str) -> str:
    metric = METRICS.get(name)
    # A counter without _total is one that a driver, or another exporter, named so: promtool takes it only as untyped.
    kind = metric.type if metric and (metric.type != "counter" or name.endswith("_total")) else "untyped"
    help = metric.help if metric else "A counter that the catalogue does not know."
    return f"# HELP {name} {help}\n# TYPE {name} {kind}\n"
