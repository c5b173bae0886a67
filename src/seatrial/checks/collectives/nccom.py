"""What nccom-test prints. Its GB/s are 2**30 bytes per second, so they are made nccl-tests' 10**9 here.

AWS Neuron's guide to nccom-test (SDK 2.29): "Algorithm bandwidth in gibibytes".
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import pairwise

from seatrial.checks.collectives import formulas
from seatrial.checks.collectives.sweep import Row, Sweep, Timing, sizes
from seatrial.checks.collectives.tokens import number, rounding, whole
from seatrial.checks.observations import Unreadable

GIB = 2**30 / formulas.GB
"""GB/s of one of its GB/s."""
HEADER = "the header of nccom-test: size(B) count(elems) type time(us) algbw(GB/s) busbw(GB/s)"
_NAMES = {
    "size(B)": "size",
    "count(elems)": "count",
    "type": "type",
    "time(us)": "time",
    "time:avg(us)": "time",
    "algbw(GB/s)": "algbw",
    "busbw(GB/s)": "busbw",
    "algorithm": "algorithm",
}
_PERCENTILE = re.compile(r"time:p\d+(?:\.\d+)?\(us\)")
_COMMAND = re.compile(r"nccom-test\s.*")
_AVERAGE = re.compile(r"Avg bus bandwidth:\s*(\S+?)\s*GB/s")
_ERROR = re.compile(r"Failure running|errors? found|test failed|not running!|[Cc]orrectness check failed|Traceback")


def parse(lines: Iterable[str]) -> list[Sweep]:
    """One sweep for each table. Raises Unreadable."""
    reader = _Reader()
    for line in lines:
        try:
            reader.line(line.strip())
        except ValueError:
            raise Unreadable("a row of nccom-test: " + " ".join(reader.columns), line) from None
    if not reader.sweeps:
        raise Unreadable(HEADER)
    return reader.sweeps


class _Reader:
    def __init__(self) -> None:
        self.sweeps: list[Sweep] = []
        self.columns: list[str] = []
        self.command = ""
        """The line that started the table that is to come."""

    def line(self, text: str) -> None:
        if found := _COMMAND.search(text):
            self.command = found[0]
        elif text.startswith("size(B)"):
            self.columns = _header(text)
            self._begin()
        elif _ERROR.search(text):
            if self.command or not self.sweeps:
                self._begin()
            self.sweeps[-1].errors.append(text)
        elif text.startswith("Avg bus"):
            self._average(text)
        elif re.match(r"\d+(?:\s|$)", text):
            if not self.columns:
                raise Unreadable(HEADER, text)
            self.sweeps[-1].rows.append(_row(text, self.columns))

    def _begin(self) -> None:
        self.sweeps.append(_started(self.command.split()))
        self.command = ""

    def _average(self, text: str) -> None:
        found = _AVERAGE.fullmatch(text)
        if found is None or not self.columns:
            raise Unreadable("a table, and then 'Avg bus bandwidth: nGB/s'", text)
        self.sweeps[-1].average = number(found[1]) * GIB


def _header(text: str) -> list[str]:
    columns = ["time" if _PERCENTILE.fullmatch(word) else _NAMES.get(word, "") for word in text.split()]
    if columns[:3] != ["size", "count", "type"] or not {"time", "algbw", "busbw"} <= set(columns) or "" in columns:
        raise Unreadable(HEADER, text)
    return columns


def _row(text: str, columns: list[str]) -> Row:
    words = text.split()
    if len(words) != len(columns):
        raise Unreadable(f"a row of {len(columns)} columns: {' '.join(columns)}", text)
    told = dict(zip(columns, words, strict=True))
    if told["type"] not in formulas.DTYPE_BYTES:
        raise Unreadable(f"a type of {', '.join(formulas.DTYPE_BYTES)}", text)
    timing = Timing(
        time_us=number(told["time"]),
        algbw=number(told["algbw"]) * GIB,
        busbw=number(told["busbw"]) * GIB,
        rounding_us=rounding(told["time"]),
        rounding_gbps=max(rounding(told["algbw"]), rounding(told["busbw"])) * GIB,
    )
    return Row(size=whole(told["size"]), count=whole(told["count"]), type=told["type"], out_of_place=timing)


def _started(words: list[str]) -> Sweep:
    """What the command line tells, where it was pasted too."""
    sweep = Sweep(tool="nccom-test", counts_wrong=False)
    if not words:
        return sweep
    options = dict(pairwise(words))
    ranks, nodes = _told(options, "-r", "--nworkers"), _told(options, "-N", "--nnodes") or "1"
    sweep.ranks = whole(ranks) if ranks else None
    sweep.hosts = tuple(f"node {n}" for n in range(whole(nodes)))
    sweep.operation = next((name for word in words[1:] if (name := formulas.operation(word))), "")
    sweep.checked = bool({"-c", "--check"} & set(words))
    sweep.planned = _planned(options)
    return sweep


def _told(options: dict[str, str], *names: str) -> str | None:
    return next((options[name] for name in names if name in options), None)


def _planned(options: dict[str, str]) -> int | None:
    """Sizes that the options ask for; None where they do not tell."""
    low, high = _told(options, "-b", "--minbytes") or "32M", _told(options, "-e", "--maxbytes") or "32M"
    factor, step = _told(options, "-f", "--stepfactor"), _told(options, "-i", "--stepbytes")
    if low == high:
        return 1
    if factor:
        return len(sizes(_bytes(low), _bytes(high), by_factor=whole(factor)))
    return len(sizes(_bytes(low), _bytes(high), by_bytes=_bytes(step))) if step else None


def _bytes(text: str) -> int:
    """``8``, ``1kb``, ``512KB``, ``32M``. Raises ValueError."""
    found = re.fullmatch(r"(\d+)\s*([kKmMgG]?)[bB]?", text)
    if found is None:
        raise ValueError(f"{text!r} is no size")
    return int(found[1]) << 10 * " kmg".index(found[2].lower() or " ")
