"""The ends of a run's logs, each line with its rank, and the tracebacks in them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from seatrial.cluster import ELSEWHERE
from seatrial.job import Job
from seatrial.rank.lines import clean
from seatrial.runs import Run

TAIL_BYTES = 256 * 1024
"""Of each log, from its end: a traceback is there, and a log may be of any size."""
MAX_LOGS = 1024
"""Logs that are looked at."""
MAX_WIDTH = 1000
"""Characters of a line that are kept."""
MAX_TRACEBACK = 80
"""Lines of a traceback that are kept: its first and last halves."""
LAST_LINES = 15
"""Of a log that are shown; and how many may follow a traceback that ended its process."""

_BEGIN = re.compile(r"\s*(?:\+ Exception Group )?Traceback \(most recent call last\):|Fatal Python error: ")
_MODULES = "Extension modules: "
_THREAD = re.compile(rf"(?:Current thread|Thread) 0x|{_MODULES}")
"""What faulthandler writes at the margin."""
_CHAIN = re.compile(r"During handling of the above exception|The above exception was the direct cause")
_CONSEQUENCE = re.compile(
    r"Connection (?:was )?(?:closed|reset|refused)|closed by (?:remote )?peer|Broken pipe|Socket (?:closed|timeout)|"
    r"remote process exited|ncclRemoteError|ncclSystemError|DistBackendError|DistNetworkError|DistStoreError|"
    r"collective operation timeout|pair closure|monitoredBarrier|ChildFailedError|SignalException|KeyboardInterrupt",
    re.IGNORECASE,
)


class Line(NamedTuple):
    """A line of a log, without colours and engines' prefixes."""

    text: str
    rank: int | None
    """Who printed it; None if nobody can tell."""


class Error(NamedTuple):
    """A traceback in a log."""

    log: str
    rank: int | None
    lines: range
    """Where it stands, by the indices of the log's lines."""
    text: str
    last: str
    """What it comes to: ``ValueError: ...``."""
    fatal: bool
    """Whether nothing of its rank's follows but a few lines: it was what ended the process."""

    @property
    def consequence(self) -> bool:
        """Whether it only tells of a peer that is gone."""
        return _CONSEQUENCE.search(self.last) is not None


def read(run: Run) -> dict[str, list[Line]]:
    """The ends of all logs: name -> lines, each with its rank where that is known."""
    paths = sorted((run.path / "logs").glob("*.log"), key=lambda path: (len(path.name), path.name))
    job = run.job
    return {f"logs/{path.name}": list(_lines(path, job)) for path in paths[:MAX_LOGS]}


def errors(name: str, lines: Sequence[Line]) -> Iterator[Error]:
    """The tracebacks of a log. Of a rank whose lines can be told apart only the last: it is what ended the process."""
    found: list[Error] = []
    for rank in dict.fromkeys(line.rank for line in lines):
        mine = [(index, line.text) for index, line in enumerate(lines) if line.rank == rank]
        of_rank = list(tracebacks(name, rank, mine))
        found += of_rank if rank is None else of_rank[-1:]
    yield from sorted(found, key=lambda error: error.lines.start)


def tracebacks(name: str, rank: int | None, lines: Sequence[tuple[int, str]]) -> Iterator[Error]:
    """All tracebacks among some lines of a log, each line with its index."""
    at = 0
    while at < len(lines):
        if not _BEGIN.match(lines[at][1]):
            at += 1
            continue
        stop = _end(lines, at)
        texts = [text for _, text in lines[at:stop] if not text.startswith(_MODULES)]
        told = [text for text in texts if text and not text[0].isspace() and not _THREAD.match(text)]
        last = told[-1] if told else texts[-1].strip()
        fatal = len(lines) - stop <= LAST_LINES
        yield Error(name, rank, range(lines[at][0], lines[stop - 1][0] + 1), _cut(texts), last, fatal)
        at = stop


def _lines(path: Path, job: Job) -> Iterator[Line]:
    kind, _, number = path.stem.partition("-")
    own = int(number) if number.isdigit() else 0
    alone = kind == "rank" and job.cluster != ELSEWHERE
    for raw in _tail(path).splitlines():
        line = clean(raw, prefixed=not alone or raw.startswith("[rank"))  # torch puts it before its own tracebacks
        rank = own if alone else line.rank
        if rank is not None and "[default" in line.prefix:
            rank += own * job.processes_per_node  # torchrun counts the ranks of its node
        yield Line(line.text[:MAX_WIDTH], rank)


def _tail(path: Path) -> str:
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(size - TAIL_BYTES, 0))
            return file.read().decode("utf-8", "replace")
    except OSError as error:  # another user's
        return f"it cannot be read: {error.strerror}"


def _end(lines: Sequence[tuple[int, str]], at: int) -> int:
    """Behind a traceback that begins there, and behind those that it led to."""
    fatal, stop = lines[at][1].startswith("Fatal"), at + 1
    while stop < len(lines) and (
        not lines[stop][1].strip() or lines[stop][1][0] in " \t|+" or (fatal and _THREAD.match(lines[stop][1]))
    ):
        stop += 1
    if not fatal:
        stop = min(stop + 1, len(lines))  # the exception itself
        while stop < len(lines) and lines[stop][1][:1] in (" ", "\t"):  # and what its message goes on with
            stop += 1
    following = [index for index in range(stop, min(stop + 4, len(lines))) if lines[index][1].strip()]
    if following and _CHAIN.match(lines[following[0]][1]):
        again = next((i for i in range(following[0], min(stop + 8, len(lines))) if _BEGIN.match(lines[i][1])), None)
        return _end(lines, again) if again is not None else stop
    while not lines[stop - 1][1].strip():
        stop -= 1
    return stop


def _cut(lines: list[str]) -> str:
    if len(lines) > MAX_TRACEBACK:
        half = MAX_TRACEBACK // 2
        lines = [*lines[:half], f"  ... {len(lines) - 2 * half} lines ...", *lines[-half:]]
    return "\n".join(lines)
