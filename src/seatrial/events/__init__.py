"""The events of a run: one schema for every case, one JSON object a line in ``events.jsonl``.

Rank 0 and the launcher append; nobody rewrites. Every line holds ``v`` (schema version), ``time`` (Unix seconds),
``type`` and the fields of that type below. A reader of version 1 ignores fields that it does not know. Floats that
JSON cannot hold are written as the strings "NaN", "Infinity" and "-Infinity". See docs/events.md.
"""

from seatrial.events.files import EventLog, EventReader, EventWriter, Piece, read_events, read_piece, write_events
from seatrial.events.lines import SCHEMA_VERSION, Timed, decode, encode
from seatrial.events.schema import (
    BEGIN,
    PRINTED,
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

__all__ = [
    "BEGIN",
    "PRINTED",
    "SCHEMA_VERSION",
    "CheckpointLoaded",
    "CheckpointSaved",
    "CollectiveSweep",
    "Event",
    "EventLog",
    "EventReader",
    "EventWriter",
    "Heartbeat",
    "PartTimes",
    "Piece",
    "Restart",
    "RunEnd",
    "RunStart",
    "Step",
    "StepContent",
    "StopRequested",
    "Timed",
    "Validation",
    "decode",
    "encode",
    "read_events",
    "read_piece",
    "write_events",
]
