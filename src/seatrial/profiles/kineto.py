"""A trace of torch.profiler, which Kineto writes, as a Trace.

Categories and arguments are those of torch 1.11 to 2.13: kernels and copies of the device, calls of the CUDA runtime
and driver, operators of the host, annotations, moments at which memory was taken or given back.
"""

from __future__ import annotations

import math
from array import array
from functools import cache
from pathlib import Path
from typing import Any

from seatrial.errors import Problem, UserError
from seatrial.profiles.classes import operation
from seatrial.profiles.stream import Reading
from seatrial.profiles.trace import STEP, Collective, Step, Trace, rank_in

_DEVICE, _HOST, _LAUNCH, _NOTE = range(4)
_KINDS = {
    "kernel": _DEVICE,
    "gpu_memcpy": _DEVICE,
    "gpu_memset": _DEVICE,
    "cpu_op": _HOST,
    "cuda_runtime": _LAUNCH,
    "cuda_driver": _LAUNCH,
    "user_annotation": _NOTE,
    "Kernel": _DEVICE,  # before torch 1.13
    "Memcpy": _DEVICE,
    "Memset": _DEVICE,
    "Operator": _HOST,
    "Runtime": _LAUNCH,
}
_GLOO = ("gloo:", "mpi:", "ucc:")
"""How torch marks what a backend of the host does, in the thread that does it."""
_BYTES = {
    "double": 8, "float": 4, "half": 2, "bfloat16": 2, "long": 8, "longint": 8, "int": 4, "short": 2, "char": 1,
    "byte": 1, "bool": 1, "unsignedchar": 1, "signedchar": 1, "shortint": 2, "float8e4m3fn": 1, "float8e5m2": 1,
    "complexfloat": 8, "c10bfloat16": 2, "c10half": 2,
}  # fmt: skip
"""Type of an element as torch spells it, without spaces, colons and underscores -> bytes."""


def read(path: Path) -> Trace:
    """The trace in that file, .json or .json.gz. Raises UserError if it is none."""
    reading = Reading(path)
    trace = Trace(path=path, tool="torch", label="")
    reader = _Reader(trace)
    for events in reading.blocks():
        reader.take(events)
    told = reading.rank()
    trace.rank = rank_in(path.name) if told is None else told
    trace.label = path.name if trace.rank is None else f"rank {trace.rank}"
    trace.events, trace.unread = reading.events, reading.unread()
    if not (len(trace.device) or len(trace.host)):
        remedy = "record it with torch.profiler, or with --profile of a run"
        what = f"holds no kernel and no operator among {trace.events:,} events"
        raise UserError(Problem(what, str(path), remedy))
    return trace


class _Reader:
    def __init__(self, trace: Trace) -> None:
        self._trace = trace
        self._launching: dict[str, bool] = {}

    def take(self, events: list[Any]) -> None:
        """Sort events into the trace. Every instruction counts: millions pass here."""
        trace, kinds = self._trace, _KINDS
        device, host, names, lanes = trace.device.add, trace.host.add, trace.names, trace.lanes
        for event in events:
            kind = kinds.get(event.cat)
            if kind is None or event.ph != "X":
                if event.name == "[memory]":
                    self._memory(event)
                continue
            start = event.ts
            if kind == _HOST:
                host((start, start + event.dur, names[event.name], lanes[event.tid], -1))
            elif kind == _DEVICE:
                name = event.name
                device((start, start + event.dur, names[name], lanes[event.tid], event.args.correlation))
                if name.startswith("nccl"):
                    self._collective(event)
            elif kind == _LAUNCH:
                self._launch(event)
            else:
                self._annotation(event)

    def _launch(self, event: Any) -> None:
        launches = self._launching.get(event.name)
        if launches is None:
            launches = self._launching[event.name] = any(word in event.name for word in ("aunch", "emcpy", "emset"))
        if launches:
            self._trace.launches.extend((event.args.correlation, event.ts))

    def _annotation(self, event: Any) -> None:
        found, span = STEP.search(event.name), (event.ts, event.ts + event.dur)
        if found:
            self._trace.steps.append(Step(int(found[1]), *span))
        elif event.name.startswith("Optimizer.step"):
            self._trace.optimizer.append(span)
        elif event.name.startswith(_GLOO):
            self._trace.host.add((*span, self._trace.names[event.name], self._trace.lanes[event.tid], -1))
            self._collective(event)

    def _collective(self, event: Any) -> None:
        args = event.args
        name = _value(args.collective) or event.name
        told = _elements(_value(args.elements), _value(args.dtype))
        if told is None:
            told = _inputs(_value(args.shapes), _value(args.types))
        self._trace.collectives.append(Collective(operation(str(name)), told, event.ts, event.ts + event.dur))

    def _memory(self, event: Any) -> None:
        allocated = _value(event.args.allocated)
        if isinstance(allocated, int) and allocated >= 0:
            where = "host" if _value(event.args.place) == 0 else "device"
            self._trace.memory.setdefault(where, array("d")).extend((event.ts, allocated))


def _value(raw: Any) -> Any:
    """What a rare argument holds; None if it is not there."""
    import msgspec

    return msgspec.json.decode(raw)


@cache
def _elements(count: Any, dtype: Any) -> int | None:
    """Bytes of so many elements; None where the type is not known."""
    size = _BYTES.get("".join(letter for letter in str(dtype).lower() if letter.isalnum()))
    return count * size if isinstance(count, int) and count >= 0 and size else None


def _inputs(shapes: Any, types: Any) -> int | None:
    """Bytes of all tensors that an operator was given."""
    if not (isinstance(shapes, list) and isinstance(types, list) and shapes and len(shapes) == len(types)):
        return None
    sizes = [_elements(_product(shape), dtype) for shape, dtype in zip(shapes, types, strict=True)]
    return None if None in sizes else sum(filter(None, sizes))


def _product(shape: Any) -> int | None:
    whole = isinstance(shape, list) and all(isinstance(size, int) for size in shape)
    return math.prod(shape) if whole else None
