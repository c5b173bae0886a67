"""Lines that frameworks print, freed of what engines and terminals put around them.

Standard library only: the command reads logs with it as well as the ranks.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from seatrial.events import Event

_ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_PREFIXES = (
    re.compile(r"\[pod/(?P<pod>[^/\]]+)/[^\]]*\] "),  # kubectl logs --prefix
    re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d) "),  # kubectl logs --timestamps
    re.compile(r"\((?P<task>[\w.-]+), pid=\d+\) "),  # Ray, SkyPilot
    re.compile(r" {0,3}(?P<srun>\d+): "),  # srun --label, padded to the widest number
    re.compile(r"\[(?:default|rank)(?P<torchrun>\d+)\]: ?"),  # torchrun --tee; torch's own C++ log
)
_SUFFIXES = {"": 1.0, "K": 1e3, "M": 1e6, "B": 1e9, "G": 1e9, "T": 1e12}
_NUMBER = re.compile(r"([+-]?(?:\d[\d,]*\.?\d*(?:[eE][+-]?\d+)?|\.\d+|nan|inf(?:inity)?))([KMBGT]?)", re.IGNORECASE)
_BYTES = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30, "TIB": 2**40}


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a log."""

    text: str
    """What the framework printed: no colours, no prefix of an engine, no blanks at its end."""
    rank: int | None = None
    """Rank or task that printed it, where the engine says so."""


class Reader(Protocol):
    """Reads one framework's log."""

    def read(self, line: Line) -> Iterable[Event]:
        """What the line says; nothing if it is none of the framework's metric lines.

        Raises ValueError for a metric line that is torn or cannot be read: none may be lost in silence.
        """


def clean(raw: str) -> Line:
    """A raw line without colours and engines' prefixes. Of a progress bar, what it showed last."""
    text = _ANSI.sub("", raw).rstrip()
    text = text.rpartition("\r")[2]
    rank = None
    for prefix in _PREFIXES:
        found = prefix.match(text)
        if found:
            text = text[found.end() :]
            number = found.groupdict().get("srun") or found.groupdict().get("torchrun")
            rank = int(number) if number is not None else rank
    return Line(text, rank)


def number(text: str) -> float:
    """``6,785``, ``3.32K``, ``1.638E-08``, ``nan`` as a float. Raises ValueError."""
    found = _NUMBER.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{text!r} is not a number")
    return float(found[1].replace(",", "")) * _SUFFIXES[found[2].upper()]


def size(text: str) -> int:
    """``68.57GiB``, ``1.75GB`` in bytes. Raises ValueError."""
    found = re.fullmatch(r"([\d.,]+) ?([KMGT]?i?B)", text.strip(), re.IGNORECASE)
    if found is None:
        raise ValueError(f"{text!r} is not a size")
    return round(number(found[1]) * _BYTES[found[2].upper()])
