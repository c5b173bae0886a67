"""What the programs of nccl-tests print: old columns and new ones, whatever engines put before the lines.

Versions up to 2.12 have a column ``error``, a difference, instead of ``#wrong``, a count, and neither ``redop`` nor
``root`` where an operation has none; 2.19 adds columns for -I (iterations), -S (time) and repeated runs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import groupby

from seatrial.checks.collectives import formulas
from seatrial.checks.collectives.sweep import Row, Sweep, Timing, sizes
from seatrial.checks.collectives.tokens import number, rounding, whole, wrong_elements
from seatrial.checks.observations import Unreadable
from seatrial.forecast import bus

ROW = "a row as its header says: size, count, type, then time, algbw, busbw and #wrong"
_BEGINS = re.compile(r"\s*\d+(?:\s+\d.*|\s*)", re.DOTALL)
"""What begins like a row, and must be one."""
_WITHIN = re.compile(r"(?<![\w.])\d+\s+\d+\s+[A-Za-z]\w*\s+(?:[a-z]+\s+)?(?:-?\d+\s+)?\d\S*\s+\d.*", re.DOTALL)
"""A row behind something that some engine put before it."""
_COMMENT = re.compile(
    r"#\s*(?:nccl-tests version|Collective test|nThread|size\s+count|Rank\s+\d+|Out of|Avg bus|Reducing|error:) .*"
)
"""A line of interest, wherever it begins."""
_STARTING = re.compile(r"# Collective test starting: (\S+)")
_CONCLUDED = re.compile(r"# Collective test concluded: \S+")
_VERSION = re.compile(r"# nccl-tests version (\S+) .*nccl-library=(\d+)")
_NCCL = re.compile(r"(?:# )?NCCL version (\d+\.\d+\S*)")
_HEAD = re.compile(
    r"# nThread (\d+) nGpus (\d+) minBytes (\d+) maxBytes (\d+) step: (\d+)\((factor|bytes)\).* validation: (\d+).*"
)
_REDUCED = re.compile(r"# Reducing maxBytes to (\d+) due to memory limitation")
_DEVICE = re.compile(r"#\s+Rank\s+(\d+)(?:\s+Group\s+(\d+))?\s+Pid\s+\d+\s+on\s+(\S+)\s+device\s+\d+\s+\[.*")
_BOUNDS = re.compile(r"# Out of bounds values\s*: (\d+) (OK|FAILED)")
_AVERAGE = re.compile(r"# Avg bus bandwidth\s*: (\S+)\s*(OK|FAILED)?")
_FOOTER = re.compile(r"# (?:Out of bounds values|Avg bus bandwidth|Collective test concluded)")
_ERROR = re.compile(r"Test (?:NCCL |CUDA )?failure|# error: |Invalid number of GPUs|[Ii]nvalid size specified")
_STAMP = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")
_MEASURED = ("algbw", "busbw")
_EXTRA = ("i_min", "i_max", "i_p99", "i_cv%", "#bitdiff")


def parse(lines: Iterable[str]) -> list[Sweep]:
    """One sweep for each program that ran. Raises Unreadable."""
    reader = _Reader()
    for line in lines:
        try:
            reader.line(line.rstrip())
        except ValueError:
            raise Unreadable(ROW, line) from None
    return reader.end()


class _Reader:
    def __init__(self) -> None:
        self.sweeps: list[Sweep] = []
        self.columns: list[str] = []
        self._begin()

    def _begin(self) -> None:
        self.sweep = Sweep(tool="nccl-tests")
        self.range: tuple[int, int, dict[str, int]] | None = None
        self.devices: list[tuple[int, int, str]] = []

    def _finish(self) -> None:
        sweep = self.sweep
        if not (sweep.rows or sweep.planned or sweep.operation or sweep.errors or sweep.average is not None):
            return
        ranks = sorted(self.devices)
        if [rank for rank, _, _ in ranks] != [*range(len(ranks))]:
            raise Unreadable("a line '#  Rank n' for each rank from 0 on")
        groups = [[*members] for _, members in groupby(sorted(ranks, key=lambda r: r[1]), key=lambda r: r[1])]
        if groups:
            equal = len({len(group) for group in groups}) == 1
            sweep.ranks, sweep.groups = len(groups[0]) if equal else None, len(groups)
            sweep.hosts = tuple(host for _, _, host in groups[0])
        sweep.operation = sweep.operation or _guess(sweep)
        self.sweeps.append(sweep)

    def end(self) -> list[Sweep]:
        self._finish()
        if not self.sweeps:
            raise Unreadable("the output of a program of nccl-tests")
        return self.sweeps

    def line(self, text: str) -> None:
        if found := _COMMENT.search(text):
            self._comment(found[0])
        elif _ERROR.search(text):
            self.sweep.errors.append(text.strip())
        elif _BEGINS.fullmatch(text):
            self.sweep.rows.append(self._row(text))
        elif found := _WITHIN.search(text):
            self.sweep.rows.append(self._row(found[0]))
        elif found := _NCCL.fullmatch(text.strip()):
            self.sweep.versions["nccl"] = found[1].partition("+")[0]

    def _comment(self, text: str) -> None:
        sweep = self.sweep
        words = text[1:].split()
        if words[:2] == ["size", "count"]:
            self.columns = _header(words, text)
        elif found := _DEVICE.fullmatch(text):
            self.devices.append((int(found[1]), int(found[2] or 0), found[3]))
        elif re.match(r"#\s+Rank\s+\d", text):
            raise Unreadable("'#  Rank n Group n Pid n on HOST device n [...] NAME'", text)
        elif _FOOTER.match(text):
            self._footer(text)
        elif _ERROR.search(text):
            sweep.errors.append(text)
        elif found := _REDUCED.fullmatch(text):
            if self.range:
                sweep.planned = len(sizes(self.range[0], int(found[1]), **self.range[2]))
        else:
            self._head(text)

    def _head(self, text: str) -> None:
        if found := _VERSION.match(text):
            self._next(bool(self.sweep.versions))
            self.sweep.versions |= {"nccl-tests": found[1], "nccl": _code(int(found[2]))}
        elif found := _STARTING.match(text):
            self._next(bool(self.sweep.operation))
            self.sweep.operation, self.sweep.concluded = formulas.operation(found[1]), False
        elif text.startswith("# nThread"):
            found = _HEAD.fullmatch(text)
            if found is None:
                raise Unreadable("'# nThread n nGpus n minBytes n maxBytes n step: n(factor) ... validation: n'", text)
            self._next(self.sweep.planned is not None)
            step = {f"by_{found[6]}": int(found[5])}
            self.range = int(found[3]), int(found[4]), step
            self.sweep.planned = len(sizes(self.range[0], self.range[1], **step))
            self.sweep.checked = found[7] != "0"

    def _next(self, told: bool) -> None:
        """A new sweep, if the one at hand has that already, or rows."""
        if told or self.sweep.rows:
            self._finish()
            self._begin()

    def _footer(self, text: str) -> None:
        sweep = self.sweep
        if found := _BOUNDS.fullmatch(text):
            sweep.out_of_bounds = int(found[1])
            if (found[2] == "OK") != (sweep.out_of_bounds == 0):
                raise Unreadable("0 OK, or another number and FAILED", text)
        elif found := _AVERAGE.fullmatch(text):
            sweep.average, sweep.below_minimum = number(found[1]), found[2] == "FAILED"
        elif _CONCLUDED.fullmatch(text):
            sweep.concluded = True
        else:
            raise Unreadable("the footer of a program of nccl-tests", text)

    def _row(self, text: str) -> Row:
        words = text.split()
        columns = self.columns or _usual(len(words))
        if columns[-1] == "timestamp":
            if len(words) < 2 or not _STAMP.fullmatch(" ".join(words[-2:])):
                raise Unreadable("a row with date and time at its end", text)
            words, columns = words[:-2], columns[:-1]
        if len(words) != len(columns):
            raise Unreadable(f"a row of {len(columns)} columns: {' '.join(columns)}", text)
        if words[2] not in formulas.DTYPE_BYTES:
            raise Unreadable(f"a type of {', '.join(formulas.DTYPE_BYTES)}", text)
        first = columns.index("time")
        facts = dict(zip(columns[:first], words[:first], strict=True))
        half = (len(columns) - first) // 2 if columns.count("time") == 2 else len(columns) - first
        self.sweep.counts_wrong = "#wrong" in columns
        halves = [self._timing(columns[at : at + half], words[at : at + half]) for at in range(first, len(words), half)]
        return Row(
            size=whole(facts["size"]),
            count=whole(facts["count"]),
            type=facts["type"],
            redop=facts.get("redop", "none"),
            root=int(facts.get("root", -1)),
            out_of_place=halves[0],
            in_place=halves[1] if len(halves) > 1 else None,
        )

    def _timing(self, columns: list[str], words: list[str]) -> Timing | None:
        """One half of a row; None where it is ``N/A`` as a whole: the operation has no such form."""
        if set(words) == {"N/A"}:
            return None
        told = dict(zip(columns, words, strict=True))
        for name in _EXTRA:
            if name in told:
                number(told[name])
        if not self.sweep.counts_wrong:
            self.sweep.checked = False if told["error"] == "N/A" else self.sweep.checked
            if told["error"] != "N/A":
                number(told["error"])
        return Timing(
            time_us=number(told["time"]),
            algbw=number(told["algbw"]),
            busbw=number(told["busbw"]),
            wrong=wrong_elements(told["#wrong"]) if "#wrong" in told else None,
            rounding_us=rounding(told["time"]),
            rounding_gbps=max(rounding(told[name]) for name in _MEASURED),
        )


def _header(words: list[str], text: str) -> list[str]:
    """Names of the columns; ``cputime`` is a time."""
    columns = ["time" if word == "cputime" else word for word in words]
    known = {"size", "count", "type", "redop", "root", "time", "error", "#wrong", "timestamp", *_MEASURED, *_EXTRA}
    one = ["time", *_MEASURED]
    if columns[:3] != ["size", "count", "type"] or set(columns) - known or columns.count("time") not in (1, 2):
        raise Unreadable("the header of nccl-tests: size count type redop root time algbw busbw #wrong", text)
    for at, name in enumerate(columns):
        if name == "time" and columns[at : at + 3] != one:
            raise Unreadable("time algbw busbw, in this order", text)
    return columns


def _usual(count: int) -> list[str]:
    """The columns of a row without a header, as far as their number tells."""
    half = ["time", *_MEASURED, "#wrong"]
    if count == 13:
        return ["size", "count", "type", "redop", "root", *half, *half]
    raise Unreadable("the header '# size count type ...' before the rows")


def _guess(sweep: Sweep) -> str:
    """The operation, where no line names it: a sum without a root whose factor is that of an all-reduce is one."""
    rows = [row for row in sweep.rows if row.main and row.main.algbw > 1]
    if not rows or sweep.ranks is None or sweep.ranks < 2:
        return ""
    row = rows[-1]
    ratio = row.main.busbw / row.main.algbw if row.main else 0.0
    names = ("all_reduce", "reduce_scatter") if row.redop not in ("none", "") and row.root < 0 else ()
    return next((n for n in names if abs(ratio / bus.factor(n, sweep.ranks) - 1) < 0.01), "")


def _code(code: int) -> str:
    """NCCL's version as it stands in its header: 22703 is 2.27.3; before 2.9, 2804 was 2.8.4."""
    return (
        f"{code // 10000}.{code // 100 % 100}.{code % 100}"
        if code >= 10000
        else f"{code // 1000}.{code // 100 % 10}.{code % 100}"
    )
