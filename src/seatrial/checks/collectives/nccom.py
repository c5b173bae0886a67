"""What nccom-test prints, and what it writes with --report-to-json-file: the same columns, with more digits.

The guide (AWS Neuron SDK 2.29) says that its GB/s are 2**30 bytes per second. So they are in its examples with a column
``time(us)``: 40.69 for 33554432 B in 768 us. Those with ``time:avg(us)``, which newer versions print, come to 10**9
bytes, as nccl-tests' do: 37.52 for 33554432 B in 894.24 us, and 22.6888 for 524288 B in 23.11 us in its JSON. So the
column decides here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from itertools import pairwise

from seatrial.checks.collectives import formulas
from seatrial.checks.collectives.sweep import Row, Sweep, Timing, sizes
from seatrial.checks.collectives.tokens import number, rounding, whole
from seatrial.checks.observations import Unreadable
from seatrial.forecast.bus import GB

GIB = 2**30 / GB
"""GB/s of one GB/s of an older version."""
HEADER = "the header of nccom-test: size(B) count(elems) type time(us), or time:avg(us), algbw(GB/s) busbw(GB/s)"
JSON = 'JSON of nccom-test: {"results": [{"size(B)": ..., "count(elems)": ..., "type": ..., "time:avg(us)": ..., ...}]}'
_COLUMNS = ("size(B)", "count(elems)", "type", "algbw(GB/s)", "busbw(GB/s)")
_TIME = re.compile(r"time(?:|:avg|:p\d+(?:\.\d+)?)\(us\)")
"""The time that bandwidths are made of, and percentiles."""
_MORE = ("total_input_size(B)", "total_output_size(B)", "algorithm")
"""Columns that newer versions have if they are asked; nothing is judged by them."""
_COMMAND = re.compile(r"nccom-test\s.*")
_AVERAGE = re.compile(r"Avg bus bandwidth:\s*(\S+?)\s*GB/s")
_ERROR = re.compile(r"Failure running|errors? found|test failed|not running!|[Cc]orrectness check failed|Traceback")


def parse(lines: Iterable[str]) -> list[Sweep]:
    """One sweep for each table, or the one of a JSON. The command line may stand before either. Raises Unreadable."""
    reader = _Reader()
    rest = iter(lines)
    for line in rest:
        if line.lstrip().startswith("{"):
            reader.json(line + "".join(rest))
            break
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
        """Of the table that is being read, as they are called there."""
        self.command = ""
        """The line that started the table that is to come."""

    def line(self, text: str) -> None:
        if found := _COMMAND.search(text):
            self.command = found[0]
        elif text.startswith("size(B)"):
            self.columns = _header(text.split(), text)
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
            self.sweeps[-1].rows.append(_row(self._told(text)))

    def json(self, text: str) -> None:
        """All results of a file. What stands beside them is not published, and not looked at."""
        self._begin()
        sweep = self.sweeps[-1]
        try:
            for result in json.loads(text)["results"]:
                self.columns = _header(result)
                sweep.rows.append(_row({name: str(value) for name, value in result.items()}))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise Unreadable(f"{JSON} ({type(error).__name__}: {error})") from None
        speeds = [timing.busbw for row in sweep.rows for _, timing in row.timings()]
        if speeds:  # a file that is cut off does not get here; the guide says what the table's last line is
            sweep.average = sum(speeds) / len(speeds)

    def _told(self, text: str) -> dict[str, str]:
        words = text.split()
        if len(words) != len(self.columns):
            raise Unreadable(f"a row of {len(self.columns)} columns: {' '.join(self.columns)}", text)
        return dict(zip(self.columns, words, strict=True))

    def _begin(self) -> None:
        self.sweeps.append(_started(self.command.split()))
        self.command = ""

    def _average(self, text: str) -> None:
        found = _AVERAGE.fullmatch(text)
        if found is None or not self.columns:
            raise Unreadable("a table, and then 'Avg bus bandwidth: nGB/s'", text)
        self.sweeps[-1].average = number(found[1]) * _unit(self.columns)


def _header(words: Iterable[str], line: str = "") -> list[str]:
    columns = list(words)
    known = all(word in (*_COLUMNS, *_MORE) or _TIME.fullmatch(word) for word in columns)
    if not (known and set(_COLUMNS) <= set(columns) and _time(columns) and len(set(columns)) == len(columns)):
        raise Unreadable(HEADER, line or " ".join(columns))
    return columns


def _time(columns: Iterable[str]) -> str:
    """The column of the average, or else the first of time; empty if there is none."""
    times = [name for name in columns if _TIME.fullmatch(name)]
    return next((name for name in times if ":p" not in name), times[0] if times else "")


def _unit(columns: Iterable[str]) -> float:
    """GB/s of what a table calls GB/s."""
    return GIB if _time(columns) == "time(us)" else 1.0


def _row(told: Mapping[str, str]) -> Row:
    """Raises ValueError or Unreadable."""
    if told["type"] not in formulas.DTYPE_BYTES:
        raise Unreadable(f"a type of {', '.join(formulas.DTYPE_BYTES)}", " ".join(told.values()))
    time, algbw, busbw = told[_time(told)], told["algbw(GB/s)"], told["busbw(GB/s)"]
    unit = _unit(told)
    timing = Timing(
        time_us=number(time),
        algbw=number(algbw) * unit,
        busbw=number(busbw) * unit,
        rounding_us=rounding(time),
        rounding_gbps=max(rounding(algbw), rounding(busbw)) * unit,
    )
    size, count = whole(told["size(B)"]), whole(told["count(elems)"])
    return Row(size=size, count=count, type=told["type"], out_of_place=timing)


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
