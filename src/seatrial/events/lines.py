"""An event as a line of events.jsonl, and back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from seatrial.events.schema import (
    CheckpointLoaded,
    CheckpointSaved,
    CollectiveSweep,
    Event,
    Heartbeat,
    PartTimes,
    Restart,
    RunEnd,
    RunStart,
    Step,
    StepContent,
    StopRequested,
    Validation,
)
from seatrial.findings import Finding
from seatrial.strict_json import floats, plain

SCHEMA_VERSION = 1

_TYPES: dict[str, type[Any]] = {
    "run_start": RunStart,
    "step": Step,
    "step_content": StepContent,
    "validation": Validation,
    "checkpoint_saved": CheckpointSaved,
    "checkpoint_loaded": CheckpointLoaded,
    "collective_sweep": CollectiveSweep,
    "part_times": PartTimes,
    "restart": Restart,
    "heartbeat": Heartbeat,
    "stop_requested": StopRequested,
    "run_end": RunEnd,
    "finding": Finding,
}
_NAMES = {cls: name for name, cls in _TYPES.items()}


@dataclass(frozen=True, slots=True)
class Timed:
    """An event and when it happened."""

    time: float
    """Unix seconds."""
    event: Any


def encode(event: Event, moment: float) -> bytes:
    """One line of events.jsonl."""
    record = {"v": SCHEMA_VERSION, "time": round(moment, 6), "type": _NAMES[type(event)]}
    for name in _FIELDS[type(event)]:  # no field holds a dataclass
        value = getattr(event, name)
        record[name] = value if type(value) in _AS_THEY_ARE else plain(value)
    return (_encode(record) + "\n").encode()


_encode = json.JSONEncoder(allow_nan=False).encode
_AS_THEY_ARE = (int, str, type(None), bool)
"""Types that JSON holds as they are."""


def decode(line: bytes | str) -> Timed | None:
    """The event of one line; None for a type that this version does not know. Raises ValueError if unreadable."""
    record = json.loads(line)
    if not isinstance(record, dict) or "type" not in record or "time" not in record:
        raise ValueError("not an event")
    cls = _TYPES.get(record["type"])
    if cls is None:
        return None
    # Steps are read by the million, and few have a float that is none: only then is every value looked at.
    words = any(word in line for word in _WORDS[type(line)])
    try:
        found = Finding.of(record) if cls is Finding else cls(**_values(cls, record, words=words))
        return Timed(float(record["time"]), found)
    except (KeyError, TypeError) as error:
        raise ValueError(f"event {record['type']} lacks a field: {error}") from None


_WORDS: Mapping[type[Any], tuple[Any, ...]] = {
    str: ("NaN", "Infinity", r"\u"),
    bytes: (b"NaN", b"Infinity", rb"\u"),
}
"""One of these stands in every line with a float that JSON cannot hold; the last may be any letter."""


_FIELDS = {cls: {field.name: "float" in str(field.type) for field in fields(cls)} for cls in _NAMES}
"""Type -> its fields, and whether numbers belong there: a text may well be the word Infinity."""


def _values(cls: type[Any], record: Mapping[str, Any], *, words: bool) -> dict[str, Any]:
    return {
        name: floats(record[name]) if words and numbers else record[name]
        for name, numbers in _FIELDS[cls].items()
        if name in record
    }
