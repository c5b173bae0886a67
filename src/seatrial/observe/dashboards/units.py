"""The unit of a query's result, from those of the metrics that it names, and what Grafana calls it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from seatrial.observe import catalogue
from seatrial.observe.catalogue import query

GRAFANA: Mapping[str, str] = {
    "count": "short",
    "bool": "bool_yes_no",
    "info": "none",
    "code": "none",
    "step": "none",
    "ratio": "percentunit",
    "percent": "percent",
    "seconds": "s",
    "milliseconds": "ms",
    "microseconds": "µs",
    "nanoseconds": "ns",
    "bytes": "bytes",
    "kilobytes": "deckbytes",
    "mebibytes": "mbytes",
    "pages": "short",
    "sectors": "short",
    "bytes/s": "Bps",
    "GB/s": "GBs",
    "count/s": "cps",
    "tokens/s": "short",
    "samples/s": "short",
    "FLOP/s": "flops",
    "nats": "none",
    "number": "none",
    "hertz": "hertz",
    "rpm": "rotrpm",
    "celsius": "celsius",
    "watts": "watt",
    "millijoules": "short",
    "bits": "decbits",
}
"""Unit of the catalogue -> its name in Grafana (packages/grafana-data/src/valueFormats/categories.ts, version 10).

Left out are those that a panel cannot show as they are: a ``timestamp`` is to be subtracted from ``time()``, which
Grafana would need in milliseconds, and ``megahertz`` are to be made hertz."""

UNNAMED = ("nats", "tokens/s", "samples/s", "step")
"""Grafana has no name for these: they belong into the panel's title."""

_PER_SECOND = {"bytes": "bytes/s", "count": "count/s", "seconds": "ratio", "sectors": "count/s", "step": "count/s"}
_SAME = {
    *("avg", "max", "min", "sum", "quantile", "topk", "bottomk", "limitk", "stddev"),  # operators
    *("delta", "idelta", "increase", "abs", "ceil", "floor", "round", "clamp", "clamp_min", "clamp_max", "sort"),
    *("label_replace", "label_join", "predict_linear", "absent"),
    *(f"{name}_over_time" for name in ("avg", "max", "min", "sum", "last", "quantile")),
}


def unit_of(promql: str) -> str | None:
    """Unit of the result, one of `GRAFANA` or of the catalogue's; None: it cannot be derived. Raises ValueError if the
    query does not parse."""
    return _unit(query.parse(promql))


def _unit(part: Any) -> str | None:
    kind = type(part).__name__
    if kind == "VectorSelector":
        return catalogue.find(part.name).unit if part.name else None
    if kind == "MatrixSelector":
        return _unit(part.vector_selector)
    if kind in ("ParenExpr", "UnaryExpr", "SubqueryExpr"):
        return _unit(part.expr)
    if kind == "AggregateExpr":
        return _of(str(part.op), _unit(part.expr))
    if kind == "Call":
        return "timestamp" if part.func.name == "time" else _of(part.func.name, next(map(_unit, part.args), None))
    return _binary(part) if kind == "BinaryExpr" else None


def _of(name: str, inner: str | None) -> str | None:
    """Of what an operator or a function makes of values in a unit."""
    if name in ("count", "changes", "resets", "count_over_time", "count_values"):
        return "count"
    if name in ("rate", "irate", "deriv"):
        return _PER_SECOND.get(inner or "")
    return inner if name in _SAME else None


def _binary(part: Any) -> str | None:
    left, right, sign = _unit(part.lhs), _unit(part.rhs), str(part.op)
    if sign in ("and", "unless", "==", "!=", ">", "<", ">=", "<="):
        return left
    if sign == "or":
        return left or right
    if sign in ("+", "-"):
        if sign == "-" and left == right == "timestamp":
            return "seconds"
        return left if left == right else right if _is_one(part.lhs) and right == "ratio" else None
    if sign == "*":
        return left if right in ("bool", "info") else None
    if sign != "/":
        return None
    if left is not None and left == right:
        return "ratio"
    per_second = left is not None and right == "seconds"
    return _PER_SECOND.get(left or "") if per_second else None


def _is_one(part: Any) -> bool:
    return type(part).__name__ == "NumberLiteral" and part.val == 1
