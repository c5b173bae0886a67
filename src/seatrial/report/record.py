"""The machine-readable form: strict JSON with stable keys.

What is unknown is null. Floats that JSON cannot hold are the strings "NaN", "Infinity" and "-Infinity", as in
events.jsonl. All times are seconds or Unix seconds, all sizes bytes. Keys are only added, never renamed, within one
``version``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any

from seatrial.attempts import Attempt, Point
from seatrial.events import Timed
from seatrial.report import profile
from seatrial.report.summary import Summary
from seatrial.strict_json import plain

VERSION = 1


MAX_EMBEDDED = 5000
"""Logged steps that a page holds; of a longer run every so many."""


def to_json(summary: Summary) -> str:
    """A summary as JSON. The series stand as columns, one entry for each logged step."""
    profiles = None if summary.profiles is None else profile.as_record(summary.profiles)
    return dumps(_record(summary, summary.series) | {"profiles": profiles})


def embedded(summary: Summary) -> str:
    """The same for the script of a page, which must not be ended by what stands in it."""
    return for_script(_record(summary, summary.series[:: stride(summary)]))


def stride(summary: Summary) -> int:
    """Of how many logged steps a page holds one."""
    return max(-(-len(summary.series) // MAX_EMBEDDED), 1)


def for_script(record: Mapping[str, Any]) -> str:
    """JSON in one line, safe between <script> and </script>."""
    text = json.dumps(plain(_tree(record)), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def dumps(record: Mapping[str, Any]) -> str:
    """Strict JSON of dataclasses, mappings, sequences and plain values."""
    return json.dumps(plain(_tree(record)), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _record(summary: Summary, points: Sequence[Point]) -> dict[str, Any]:
    record: dict[str, Any] = {"version": VERSION, "kind": "run"}
    for field in fields(summary):
        if field.name not in ("series", "steady", "profiles"):
            record[field.name] = getattr(summary, field.name)
    return record | {"series": columns(summary, points)}


def columns(summary: Summary, points: Sequence[Point]) -> dict[str, list[Any]]:
    """Some of the logged steps, as columns."""
    chosen = {id(point) for point in summary.steady}
    found: dict[str, list[Any]] = {
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
        found[f"mfu_{name}"] = [p.mfu.get(name) for p in points]
    return found


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
