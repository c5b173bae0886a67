"""The events of a run: one schema for every case, one JSON object a line in ``events.jsonl``.

Rank 0 and the launcher append; nobody rewrites. Every line holds ``v`` (schema version), ``time`` (Unix seconds),
``type`` and the fields of that type below. A reader of version 1 ignores fields that it does not know. Floats that
JSON cannot hold are written as the strings "NaN", "Infinity" and "-Infinity". See docs/events.md.
"""

from __future__ import annotations

import errno
import json
import math
import os
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from seatrial.findings import Finding

SCHEMA_VERSION = 1

PRINTED = "seatrial-event: "
"""Begins the line of an event that rank 0 prints into its log."""
BEGIN = "start"
"""Phase of the Heartbeat with which every rank begins an attempt."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RunStart:
    """An attempt has its process group and its model, and is about to take its first step."""

    attempt: int
    """0 for the first start, one more after each restart or resume."""
    start_step: int
    """Steps that are done already, from the checkpoint that was loaded; 0 for a fresh start."""
    steps: int
    """Steps that the whole job takes."""
    world_size: int
    """Ranks of this attempt."""
    device: str
    """Device of rank 0, for people: ``cpu (AMD EPYC)``, ``NVIDIA H200``."""
    backend: str
    """Collective backend: ``gloo``, ``nccl``."""
    unit: str = "tokens"
    """What `Step.count` counts: ``tokens`` or ``samples``."""
    parameters: int | None = None
    """Parameters of the model; None if the case does not tell."""
    flops_per_token: dict[str, float] = field(default_factory=dict)
    """Convention -> model FLOPs per token; see seatrial.metrics."""
    peak_flops: float | None = None
    """Dense peak FLOP/s per rank, None if unknown."""
    peak_source: str = "unknown"
    """Where `peak_flops` comes from; see seatrial.metrics."""
    hosts: list[str] = field(default_factory=list)
    """Host of each rank."""
    versions: dict[str, str] = field(default_factory=dict)
    """Software that takes part -> its version."""
    variables: dict[str, str] = field(default_factory=dict)
    """Environment of rank 0, as far as it decides how a run goes: NCCL_*, OMP_* and the like; never a secret."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """One optimizer step that was logged. Times are means per step since the last logged one."""

    step: int
    """1 after the first step."""
    loss: float
    """Mean over all ranks' tokens (or samples) of this step, nats."""
    learning_rate: float | None = None
    """None if the framework does not tell it."""
    grad_norm: float | None = None
    """Global L2 norm before clipping; None if the case does not compute it."""
    count: int
    """Tokens or samples of the step, all ranks together."""
    seconds: float
    """Wall time of the step, the wait for data and checkpoints included."""
    phases: dict[str, float] = field(default_factory=dict)
    """Rank 0's split of `seconds` into seatrial.metrics.PHASES."""
    ranks: dict[str, list[float]] = field(default_factory=dict)
    """Measure -> seconds of each rank: ``data_wait``, ``busy`` (wall, until the last collective), ``cpu``; ``wait`` for
    other ranks, where a program can tell."""
    memory_bytes: int | None = None
    """Peak memory of rank 0: device memory where there is one, else resident set."""
    printed: dict[str, float] = field(default_factory=dict)
    """What the framework itself says: ``mfu``, a fraction, and ``flops``, model FLOP/s of a rank."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Validation:
    """A pass over held-out data."""

    step: int
    """Steps that were done."""
    metrics: dict[str, float]
    """``loss`` and ``perplexity``, or ``accuracy``: whatever the case judges itself by."""
    seconds: float
    """Wall time of the pass; NaN or 0 if the framework does not tell it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckpointSaved:
    """A checkpoint is complete, verified and visible under its final name."""

    step: int
    """Steps that it holds."""
    path: str
    """Relative to the run."""
    bytes: int
    """Size of all its files."""
    seconds: float
    """From the call until it was visible."""
    stall_seconds: float
    """How long training stood still for it."""
    asynchronous: bool = False
    """Whether it was written while training went on."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckpointLoaded:
    """Training goes on from a checkpoint."""

    step: int
    """Steps that it holds."""
    path: str
    """Relative to the run."""
    seconds: float
    """Wall time of loading."""
    world_size: int
    """World size of the attempt that wrote it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CollectiveSweep:
    """One collective operation was measured over sizes. Lists have an entry for each size."""

    tool: str
    """What measured it: ``torch.distributed``, ``nccl-tests``, ``nccom-test``."""
    operation: str
    """As nccl-tests names it: ``all_reduce``."""
    ranks: int
    """That took part."""
    nodes: int | None = None
    """That they were on; None: not told."""
    instance_type: str = ""
    """Of the nodes, or the device where that is not known."""
    sizes: list[int]
    """Bytes."""
    times_us: list[float]
    """Of one operation."""
    bus_bandwidths: list[float]
    """GB/s (10**9), by the formulas of nccl-tests."""
    baselines: list[float | None] = field(default_factory=list)
    """GB/s that such nodes reached at this size, the lowest of several sources; None: nobody says."""
    baseline_source: str = ""
    """Who says so."""
    line_rate: float | None = None
    """Bus bandwidth, GB/s, at which the links are full; None: not known."""
    line_rate_source: str = ""
    """Of what links."""
    alpha_us: float | None = None
    """Latency of the line that fits the times; None: none does."""
    beta_gbps: float | None = None
    """Its bandwidth, GB/s on the bus."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Restart:
    """The launcher starts all ranks again."""

    attempt: int
    """Number of the attempt that is started."""
    reason: str
    """Why the one before ended."""
    rank: int | None = None
    """The rank that was the cause, if one was."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Heartbeat:
    """Rank 0 enters a phase without steps: ``import``, ``build``, ``load``, ``validate``, ``save``."""

    phase: str
    """What it enters."""
    rank: int = 0
    """The rank that says so."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StopRequested:
    """The launcher asks all ranks to write a checkpoint and stop."""

    signal: str
    """Why: ``SIGINT`` (Ctrl-C), ``SIGTERM`` (cancelled, or ended by a scheduler), ``SIGHUP`` (the terminal is gone)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RunEnd:
    """The attempt is over. Absent if the process was killed."""

    outcome: str
    """``completed``: all steps done; ``stopped``: asked to, checkpoint written; ``failed``."""
    step: int
    """Steps that were done."""
    reason: str = ""
    """Why it did not complete; empty if it did."""
    ranks_agree: bool | None = None
    """Whether step, loss and replicated weights were the same on all ranks; None if it was not compared."""
    final: bool = False
    """Another attempt would end in the same way: bad input, a loss that is not a number."""


Event = (
    RunStart
    | Step
    | Validation
    | CheckpointSaved
    | CheckpointLoaded
    | CollectiveSweep
    | Restart
    | Heartbeat
    | StopRequested
    | RunEnd
    | Finding
)


_TYPES: dict[str, type[Any]] = {
    "run_start": RunStart,
    "step": Step,
    "validation": Validation,
    "checkpoint_saved": CheckpointSaved,
    "checkpoint_loaded": CheckpointLoaded,
    "collective_sweep": CollectiveSweep,
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


class EventWriter:
    """Appends events to a file. One write call a line, so that writers on one machine never mix their lines."""

    def __init__(self, path: Path) -> None:
        self._path = str(path)
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        self._torn = False
        """Whether the line before may be half there."""
        self._end_torn_line(path)

    def _end_torn_line(self, path: Path) -> None:
        # A writer that was killed may have left half a line; without this the next event would be lost with it.
        with path.open("rb") as file:
            if file.seek(0, os.SEEK_END) and file.seek(-1, os.SEEK_END) is not None and file.read(1) != b"\n":
                os.write(self._file, b"\n")

    def write(self, event: Event) -> None:
        """Append one event, stamped with the time of now."""
        self.append(encode(event, time.time()))

    def append(self, line: bytes) -> None:
        """Append a line that `encode` made. Raises OSError if that cannot be; the next line is whole all the same."""
        if self._torn:
            line = b"\n" + line
        self._torn = True
        written = os.write(self._file, line)
        if written < len(line):  # the disk is full
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), self._path)
        self._torn = False

    def close(self) -> None:
        """Close the file; closing twice is allowed."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def encode(event: Event, moment: float) -> bytes:
    """One line of events.jsonl."""
    record = {"v": SCHEMA_VERSION, "time": round(moment, 6), "type": _NAMES[type(event)], **plain(asdict(event))}
    return (json.dumps(record, allow_nan=False) + "\n").encode()


def decode(line: bytes | str) -> Timed | None:
    """The event of one line; None for a type that this version does not know. Raises ValueError if unreadable."""
    record = json.loads(line)
    if not isinstance(record, dict) or "type" not in record or "time" not in record:
        raise ValueError("not an event")
    cls = _TYPES.get(record["type"])
    if cls is None:
        return None
    try:
        return Timed(float(record["time"]), Finding.of(record) if cls is Finding else cls(**_values(cls, record)))
    except (KeyError, TypeError) as error:
        raise ValueError(f"event {record['type']} lacks a field: {error}") from None


def _values(cls: type[Any], record: Mapping[str, Any]) -> dict[str, Any]:
    values = {}
    for f in fields(cls):
        if f.name in record:
            # Only where a number belongs: a text may well be the word Infinity.
            values[f.name] = _floats(record[f.name]) if "float" in str(f.type) else record[f.name]
    return values


@dataclass(slots=True)
class EventLog:
    """All events of a run, and how much of the file could not be read."""

    events: list[Timed] = field(default_factory=list)
    unreadable: int = 0
    """Lines in the middle of the file that are no events. A torn last line is not counted."""

    def of(self, kind: type[Any]) -> list[Any]:
        """All events of one type, oldest first."""
        return [timed.event for timed in self.events if isinstance(timed.event, kind)]

    def last(self, kind: type[Any]) -> Any | None:
        """The newest event of one type."""
        return next((t.event for t in reversed(self.events) if isinstance(t.event, kind)), None)

    def end(self) -> RunEnd | None:
        """How the newest attempt ended; None if it is going on, or was killed."""
        for timed in reversed(self.events):
            if isinstance(timed.event, RunEnd):
                return timed.event
            if isinstance(timed.event, RunStart | Heartbeat | Restart):
                return None
        return None

    def attempts(self) -> int:
        """Attempts that were started."""
        return max((event.attempt + 1 for event in self.of(RunStart) + self.of(Restart)), default=0)

    def steps(self) -> list[Step]:
        """Logged steps, one for each step number: where a restart repeated a step, the repetition counts."""
        return [by for _, by in sorted({step.step: step for step in self.of(Step)}.items())]


class EventReader:
    """Reads a growing file: each call to `read` adds the complete lines that have come since the last."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.log = EventLog()
        self._offset = 0

    def read(self) -> list[Timed]:
        """The events that are new since the last call."""
        piece = read_piece(self.path, self._offset)
        self._offset = piece.end
        self.log.unreadable += piece.unreadable
        self.log.events += piece.events
        return piece.events


@dataclass(frozen=True, slots=True)
class Piece:
    """What stands in a part of a file of events."""

    events: list[Timed]
    unreadable: int
    """Complete lines that are no events."""
    end: int
    """Where the next part begins, in bytes."""


def read_piece(path: Path, offset: int, at_most: int = -1) -> Piece:
    """The complete lines from `offset` on, of `at_most` bytes, or one line that is longer; -1: all there are."""
    try:
        with path.open("rb") as file:
            file.seek(offset)
            block = file.read(at_most)
            if len(block) == at_most:
                block += file.readline()
    except FileNotFoundError:
        block = b""
    complete = block[: block.rfind(b"\n") + 1]
    events, unreadable = [], 0
    for line in filter(bytes.strip, complete.splitlines()):
        try:
            timed = decode(line)
        except ValueError:
            unreadable += 1
        else:
            if timed is not None:
                events.append(timed)
    return Piece(events, unreadable, offset + len(complete))


def read_events(path: Path) -> EventLog:
    """All events of a file; an empty log if there is none."""
    reader = EventReader(path)
    reader.read()
    return reader.log


def plain(value: Any) -> Any:
    """Nested dicts, lists and floats as strict JSON can hold them."""
    if isinstance(value, float) and not math.isfinite(value):
        return not_finite(value)
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value


def not_finite(value: float) -> str:
    """The word for a float that JSON cannot hold, in events, records and reports."""
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _floats(value: Any) -> Any:
    if value in ("NaN", "Infinity", "-Infinity") and isinstance(value, str):
        return float(value)
    if isinstance(value, dict):
        return {key: _floats(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_floats(item) for item in value]
    return value
