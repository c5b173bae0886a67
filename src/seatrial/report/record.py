"""The machine-readable form: strict JSON with stable keys.

What is unknown is null. Floats that JSON cannot hold are the strings "NaN", "Infinity" and "-Infinity", as in
events.jsonl. All times are seconds or Unix seconds, all sizes bytes. Keys are only added, never renamed, within one
``version``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from seatrial.attempts import Attempt, Point
from seatrial.events import Timed, plain
from seatrial.report.summary import Summary

VERSION = 1


def to_json(summary: Summary) -> str:
    """A summary as JSON. The series stand as columns, one entry for each logged step."""
    record: dict[str, Any] = {"version": VERSION, "kind": "run"}
    for field in fields(summary):
        if field.name not in ("series", "steady"):
            record[field.name] = getattr(summary, field.name)
    record["series"] = _columns(summary)
    return dumps(record)


def dumps(record: Mapping[str, Any]) -> str:
    """Strict JSON of dataclasses, mappings, sequences and plain values."""
    return json.dumps(plain(_tree(record)), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _columns(summary: Summary) -> dict[str, list[Any]]:
    points = summary.series
    chosen = {id(point) for point in summary.steady}
    columns: dict[str, list[Any]] = {
        "step": [p.event.step for p in points],
        "time": [p.time for p in points],
        "attempt": [p.attempt for p in points],
        "steady": [id(p) in chosen for p in points],
        "loss": [p.event.loss for p in points],
        "learning_rate": [p.event.learning_rate for p in points],
        "grad_norm": [p.event.grad_norm for p in points],
        "seconds": [p.event.seconds for p in points],
        "throughput": [p.throughput for p in points],
    }
    for name in summary.flop_formulas:
        columns[f"mfu_{name}"] = [p.mfu.get(name) for p in points]
    return columns


def _tree(value: Any) -> Any:
    """Dataclasses as mappings, all the way down."""
    if isinstance(value, Timed):
        return {"time": value.time, **_tree(value.event)}
    if isinstance(value, Attempt):
        return {f.name: _tree(getattr(value, f.name)) for f in fields(value) if f.name != "info"} | {
            "world_size": value.world_size,
            "start_step": value.info.start_step if value.info else None,
        }
    if isinstance(value, Point):
        raise TypeError("points are written as columns")
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: _tree(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, Mapping):
        return {key: _tree(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_tree(item) for item in value]
    return value
