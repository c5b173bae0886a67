"""The events of a Chrome trace, in blocks, however large its file is and wherever it was cut off.

A trace is one JSON document with a list of flat objects in it. It is cut between two of them, and each block is decoded
by msgspec, which skips what nobody asks for: 310 MB/s of a core (msgspec 0.22), where the standard library's json makes
objects of everything at 40. A cut at a wrong place, inside a string or a nested list, leaves a block that is no list of
whole objects, which the decoder refuses: so no cut has to be proven right beforehand.
"""

from __future__ import annotations

import gzip
import json
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import IO, Any, cast

from seatrial.errors import Problem, UserError
from seatrial.extras import needed

BLOCK = 4 << 20
"""Bytes that are read at a time."""
PATIENCE = 8 << 20
"""Bytes without the end of an event after which something must be damaged."""
LONGEST = 64 << 20
"""Bytes of one object that are waited for; what is longer is none."""
_LIST = re.compile(rb'"traceEvents"\s*:\s*\[')
_SPACE = re.compile(r"[ \t\r\n,]*")
_BETWEEN = re.compile(rb"\}\s*,\s*\{")
_PARTING = re.compile(r"\}\s*,\s*\{")
_PLAIN = json.JSONDecoder(strict=False)
_NEAR = 64 << 10
"""Bytes before the end of a block in which a cut is looked for first."""
_TRIES = 16
_RANK = re.compile(r'"distributedInfo"\s*:\s*\{[^{}]*?"rank"\s*:\s*(\d+)')


@dataclass
class Reading:
    """A trace's file while it is read; afterwards also what could not be."""

    path: Path
    around: str = ""
    """What stands before and behind the events: properties of the device, the rank."""
    events: int = 0
    lost: int = 0
    """Bytes that hold no event, in places where one should be."""
    broken: str = ""
    """Why the file ends too early; empty if it does not."""
    _decode: Any = field(default=None, repr=False)
    _failed: str = ""

    def blocks(self) -> Iterator[list[Any]]:
        """The events, many at a time, each with what `_decoder` names.

        Raises UserError if the file is no trace at all.
        """
        with needed("msgspec", "profile"):
            self._decode = _decoder()
        with _opened(self.path) as file:
            data = self._start(file)
            while block := self._read(file):
                data += block
                events, data = self._whole(data)
                if len(data) > LONGEST:
                    self.lost, data = self.lost + len(data), bytearray()
                self.events += len(events)
                yield events
            events = self._rest(data)
            self.events += len(events)
            yield events

    def rank(self) -> int | None:
        """The rank that the trace says it is of."""
        found = _RANK.search(self.around)
        return int(found[1]) if found else None

    def unread(self) -> str:
        """What could not be read, in words; empty: nothing."""
        lost = f"{self.lost:,} bytes of it hold no whole event" if self.lost else ""
        if not self.broken:
            return lost
        return f"{self.broken} after {self.events:,} events: how many there were is not known" + (lost and f"; {lost}")

    def _read(self, file: IO[bytes]) -> bytes:
        try:
            return file.read(BLOCK)
        except (EOFError, zlib.error, OSError) as error:
            self._failed = (
                f"its compressed data end or break ({error})" if not isinstance(error, OSError) else str(error)
            )
            return b""

    def _start(self, file: IO[bytes]) -> bytearray:
        """The bracket of the list, and what follows it of what was read."""
        data = bytearray()
        while len(data) < LONGEST:
            block = self._read(file)
            data += block
            if data.lstrip()[:1] == b"[":
                return data.lstrip()
            found = _LIST.search(data)
            if found:
                self.around = data[: found.start()].decode(errors="replace")
                return data[found.end() - 1 :]
            if not block:
                break
        why = self._failed or "it holds no list traceEvents"
        remedy = "name a trace of torch.profiler (.json, .json.gz), or what nsys export --type sqlite wrote"
        raise UserError(Problem(f"is no trace: {why}", str(self.path), remedy))

    def _whole(self, data: bytearray) -> tuple[list[Any], bytearray]:
        """The events of a block's whole objects, and what follows the last of them. Both begin with a bracket."""
        for cut in _cuts(data):
            events = self._list(data, cut + 1)
            if events is not None:
                at = data.index(b"{", cut)
                data[at - 1] = ord("[")  # of the comma, or of white space behind it
                return events, data[at - 1 :]
        return self._one_by_one(data) if len(data) > PATIENCE else ([], data)

    def _rest(self, data: bytearray) -> list[Any]:
        """The events up to the end of the list; what stands behind it goes to `around`."""
        events, data = self._whole(data)
        more, data = self._one_by_one(data)
        rest = data[1:].lstrip(b" \t\r\n,")
        if rest[:1] == b"]":
            self.around += rest[1:].decode(errors="replace")
        else:
            self.lost += len(rest)
            self.broken = self._failed or "the file ends in the middle of its events,"
        return events + more

    def _list(self, data: bytearray, end: int) -> list[Any] | None:
        """The objects before `end` as events; None if they are not whole."""
        import msgspec

        behind, data[end] = data[end], ord("]")
        text = memoryview(data)[: end + 1]
        try:
            return cast(list[Any], self._decode(text))
        except msgspec.ValidationError:  # JSON, but something is of another type than it should be
            return [event for item in msgspec.json.decode(text) for event in _lenient(item)]
        except msgspec.DecodeError:
            return None
        finally:
            data[end] = behind

    def _one_by_one(self, data: bytearray) -> tuple[list[Any], bytearray]:
        """Objects read singly, past what is damaged: slow, and only where nothing else helps."""
        text = data.decode("latin-1")  # a character a byte: places in the one are places in the other
        events: list[Any] = []
        at = 1
        while True:
            at = _SPACE.match(text, at).end()  # type: ignore[union-attr] # it matches nothing, too
            found = None if text[at : at + 1] == "]" else _next(text, at)
            if found is None:
                return events, bytearray(b"[") + data[at:]
            item, begin, end = found
            self.lost += begin - at
            events += _lenient(item)
            at = end


def _next(text: str, at: int) -> tuple[Any, int, int] | None:
    """What stands at a place, or else the first event behind it, with its beginning and end; None: no whole one."""
    begin = at
    while True:
        try:
            item, end = _PLAIN.raw_decode(text, begin)
            if begin == at or (isinstance(item, dict) and "ph" in item):
                return item, begin, end
        except (ValueError, RecursionError):
            pass
        following = _PARTING.search(text, begin)
        if following is None:
            return None
        begin = following.end() - 1


def _cuts(data: bytearray) -> Iterator[int]:
    """Places of a brace that seems to end an event, the last ones first."""
    near = max(0, len(data) - _NEAR)
    found = [match.start() for match in _BETWEEN.finditer(data, near)]
    yield from found[: -_TRIES - 1 : -1]
    found = [match.start() for match in _BETWEEN.finditer(data, 0, near)]
    yield from found[: -_TRIES - 1 : -1]


@cache
def _decoder() -> Any:
    """Of a list of events: what is asked for of each. `args` holds rare things undecoded."""
    import msgspec

    rare = {
        "collective": "Collective name",
        "elements": "In msg nelems",
        "dtype": "dtype",
        "shapes": "Input Dims",
        "types": "Input type",
        "allocated": "Total Allocated",
        "place": "Device Type",
    }
    raw = [(name, msgspec.Raw, msgspec.Raw(b"null")) for name in rare]
    args = msgspec.defstruct("Args", [("correlation", int, -1), *raw], gc=False, frozen=True, rename=rare)
    kinds: list[tuple[str, Any, Any]] = [
        ("ph", str, ""),
        ("cat", str, ""),
        ("name", str, ""),
        ("ts", float, 0.0),
        ("dur", float, 0.0),
        ("tid", int | str, 0),
        ("args", args, args()),
    ]
    event = msgspec.defstruct("Event", kinds, gc=False)
    return msgspec.json.Decoder(list[event]).decode  # type: ignore[valid-type]


def _lenient(item: Any) -> list[Any]:
    """Any JSON value as an event, as far as it is one: a field of another type than it should have is left out."""
    if not (isinstance(item, dict) and isinstance(item.get("ph"), str)):
        return []
    kept: dict[str, Any] = {}
    for key, kind in (("ph", str), ("cat", str), ("name", str), ("tid", int | str), ("args", dict)):
        if isinstance(item.get(key), kind):
            kept[key] = item[key]
    try:
        kept |= {key: float(item.get(key) or 0.0) for key in ("ts", "dur")}
        if not isinstance(kept.get("args", {}).get("correlation", 0), int):
            del kept["args"]["correlation"]
        return cast(list[Any], _decoder()(json.dumps([kept], allow_nan=False)))
    except (TypeError, ValueError):
        return []


def _opened(path: Path) -> IO[bytes]:
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    return cast(IO[bytes], gzip.open(path, "rb")) if packed else path.open("rb")
