"""Lines that frameworks print, freed of what engines and terminals put around them.

Standard library only: the command reads logs with it as well as the ranks.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple, Protocol

from seatrial.findings import Rule, Verdict

if TYPE_CHECKING:
    from seatrial.events import Event

_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\))")
_PREFIX = re.compile(  # every part may be missing, so it always matches
    r"""
    (?: \s+ (?=\[(?:default|rank)\d) )?                              # a quoted log
    (?: \[pod/[^\]\s]+\]\  )?                                       # kubectl logs --prefix
    (?: [a-z][\w.-]*-\d+\ +\|\  )?                                 # docker compose: trainer-1  | …
    (?:
        (?: \d{4}-\d\d-\d\dT[\d:.,]+(?:Z|[+-]\d\d:?\d\d)           # --timestamps of kubectl and docker
        |   [A-Z][a-z]{2}\ [\ \d]\d\ \d\d:\d\d:\d\d(?:\.\d+)? )\   # journalctl
        (?: std(?:out|err)\ [FP]\                                  # a container's log as CRI keeps it
        |   [\w.-]+\ [\w.@/-]+\[\d+\]:\  )?                        # journalctl: host unit[4711]:
    )?
    (?: \( (?:[^()]*[ ,])? pid=\d+ (?:,[^()]*)? \)\  )?             # Ray and SkyPilot: (worker1, rank=1, pid=7, ip=…)
    (?: [\w.-]{1,10}/\d+\  # NeMo-Run: end of the task's name, replica
        (?=\[default|\ ?\[\d{4}-|\ iteration\ |Training\ epoch|Step\ Time) )?
    (?: \[[\w.@-]*,\d+\]<std(?:out|err)>:\ ? )?                     # mpirun --tag-output: [1,0]<stdout>:
    (?: \ {0,5} (?P<task>\d+) :\  )?                                # srun --label, padded to the widest number
    (?: \[ (?:default|rank) (?P<rank>\d+) \]: )?                    # torchrun --tee; torch itself
    """,
    re.VERBOSE | re.ASCII,
)
_GLUED = re.compile(  # where the print of another rank, or of another logger, may begin within a line
    r"(?=\[(?:rank|default)\d+\]:|\[titan\] \d{4}-| iteration +\d+/ *\d+ \||\[\d{4}-\d\d-\d\d |\[rank \d+\] Step:"
    r"|\[(?:epoch=\d+\]\[)?batch=\d+/|\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} - |\[NeMo [IWE] |Training epoch \d+, )"
    r"|(?<=\|)(?=Number of parameters|\(min, max\) time)"
)
_NUMBER = re.compile(
    r"([+-]? (?: (?:\d{1,3}(?:,\d{3})+|\d+) (?:\.\d*)? | \.\d+ ) (?:[eE][+-]?\d+)?) ([kKMBGT]?)"
    r"| [+-]? (?i:nan|inf(?:inity)?)",
    re.VERBOSE | re.ASCII,
)
_SUFFIXES = {"": 1.0, "k": 1e3, "K": 1e3, "M": 1e6, "B": 1e9, "G": 1e9, "T": 1e12}
_NARROWEST = 72
"""Characters of a line that a terminal may have wrapped: 80 columns, less what is cut off between two words."""
ROUNDED = 1.2
"""Factor by which numbers of a line with three digits, some of them means, may be off from each other."""
FAILURE = re.compile(r"seatrial: rank (?P<rank>\d+) failed at (?P<time>\d{4}-\d\d-\d\dT[\d:.]+\+00:00)")
"""What a rank prints before the traceback that ends it."""
_SIZE = re.compile(r"([\d.,]+) ?((?:[kKMGT]i?)?B)", re.ASCII)
_POWERS = {"": 0, "K": 1, "M": 2, "G": 3, "T": 4}


class Line(NamedTuple):
    """One line of a log."""

    text: str
    """What the framework printed: no colours, no prefix of an engine, no blanks at its end."""
    rank: int | None = None
    """The number that the innermost engine gives to who printed it: rank, torchrun's local rank, task of srun."""
    prefix: str = ""
    """What engines put before `text`: nothing of a line is thrown away."""


class Reader(Protocol):
    """Reads one framework's log."""

    words: tuple[str, ...] = ()
    """One of these stands in every line that it needs; empty: it needs to see all lines."""
    hints: tuple[str, ...] = ()
    """Words of a log that tell it from another framework's whose metric lines look the same."""
    total: int | None = None
    """Steps of the whole run, as the log itself tells them; None: it does not, or not yet."""
    finish: str = ""
    """What the framework prints when it is through; empty: nothing, so that only its launcher can tell."""
    finished: bool = False
    """Whether it printed that after its newest step."""
    ranks: int | None = None
    """Ranks that it ran on, where the log tells; None: it does not."""
    begun: int | None = None
    """Steps that were done when it began, where the log tells; None: it does not."""
    device: str = ""
    """Name of what a rank computed on, as the log tells it; empty: it does not."""
    device_bytes: int | None = None
    """Memory of that, where the log tells; None: it does not."""
    guessed: bool = False
    """Whether the times of its steps rest on the arguments' batch, since the log tells none."""
    form: str = ""
    """Which version's or fork's form the lines have, for people; empty: the one that the case was made with."""

    def read(self, line: Line) -> Iterable[Event]:
        """What the line says; nothing if it is none of the framework's metric lines.

        Raises ValueError for a metric line that is torn or cannot be read: none may be lost in silence. What a
        progress bar left without an end of line may stand before it.
        """

    def many(self, lines: Sequence[str], together: int, apart: int) -> Sequence[tuple[int, Event]] | None:
        """Of many raw lines the numbers of those that say something, from 0, and what: the same as `read`, and faster.

        `together` neighbouring steps may be told as one with the mean of their times, but for those of the last `apart`
        lines, and for a loss that is no number. None, and nothing is changed, unless all are whole metric lines: then
        they are read one after the other.
        """
        del lines, together, apart
        return None

    def end(self) -> Iterable[Event]:
        """What was still waited for when the log ended: a block whose end is the beginning of the next."""
        return ()


LOG_READABLE = Rule(
    id="run.log-readable",
    verdicts=(Verdict.UNKNOWN,),
    reads="the framework's log",
    expected="every metric line of the framework can be read",
    why="what stands in a line that cannot be read may be what fails the run",
    remedy="look whether the framework's version is the pinned one",
    source="docs/environments.md",
    good="step: 10  loss: 5.25",
    bad="step: 10  loss: 5.",
)


class Reading:
    """A log while it is read: the events of its lines, and what could not be read of it.

    A metric line that is refused is tried again in parts, where another rank's print runs into it, and together with
    its neighbour, where a terminal wrapped it.
    """

    def __init__(self, reader: Reader, *, survives: type[Exception] = ValueError) -> None:
        """`survives`: what a reader may raise. Who only watches a training must not end it for a reader's mistake."""
        self._reader, self._survives = reader, survives
        self._before = ""
        """The line before, if it said nothing."""
        self._torn: tuple[Line, str] | None = None
        """The line before, if it was refused, and why."""
        self.unreadable = 0
        """Lines that could not be read, so far."""
        self.first = ""
        """The first line that could not be read, and why; empty if all could."""

    def line(self, raw: str, *, prefixed: bool = True) -> list[Event]:
        """The events of one more line; `prefixed` as in `clean`."""
        line = clean(raw, prefixed=prefixed)
        torn, self._torn = self._torn, None
        events: list[Event] = []
        try:
            events.extend(self._reader.read(line))
        except self._survives as error:
            return self._refused(line, error, torn, events)
        if torn is not None:
            whole = None if events else self._together(torn[0], line)
            if whole is None:
                self._give_up(*torn)
            events = whole or events
        self._before = "" if events else raw
        return events

    @property
    def waits(self) -> bool:
        """Whether the next line is needed, whatever it holds: the one before it was refused."""
        return self._torn is not None

    def passed_over(self, raw: str) -> None:
        """A line that the reader was spared stands before the next one."""
        self._before = raw

    def end(self, rank: int = 0) -> Iterator[Event]:
        """What was still waited for, and a finding about what could not be read: a run must not pass without it."""
        if self._torn is not None:
            self._give_up(*self._torn)
        try:
            yield from self._reader.end()
        except self._survives as error:
            self._give_up(Line("the end of the log"), _said(error))
        if self.unreadable:
            observed = f"{self.unreadable} metric lines could not be read, first {self.first}"
            yield LOG_READABLE.finding(Verdict.UNKNOWN, observed, evidence=f"logs/rank-{rank}.log")

    def _refused(self, line: Line, error: Exception, torn: tuple[Line, str] | None, told: list[Event]) -> list[Event]:
        if told:
            for one in (*([torn] if torn else []), (line, _said(error))):
                self._give_up(*one)
            return told
        events = self._in_parts(line)
        if events is None:
            events = self._together(torn[0] if torn else clean(self._before), line)
            torn = None if events is not None else torn
        if torn is not None:
            self._give_up(*torn)
        self._torn = (line, _said(error)) if events is None else None
        self._before = ""
        return events or []

    def _in_parts(self, line: Line) -> list[Event] | None:
        """What a line says that several prints make; None if it is one, or a part of it is refused, too."""
        parts = [part for part in _GLUED.split(line.text) if part]
        if len(parts) < 2:
            return None
        return self._read([clean(parts[0], prefixed=False), *(clean(part) for part in parts[1:])])

    def _together(self, line: Line, rest: Line) -> list[Event] | None:
        """What two lines say that were one; None if they were not."""
        if len(line.prefix + line.text) < _NARROWEST or not rest.text:
            return None
        for between in ("", " ", "  "):
            events = self._read([Line(f"{line.text}{between}{rest.text}", line.rank, line.prefix)])
            if events:
                return events
        return None

    def _read(self, lines: list[Line]) -> list[Event] | None:
        try:
            return [event for line in lines for event in self._reader.read(line)]
        except self._survives:
            return None

    def _give_up(self, line: Line, why: str) -> None:
        self.unreadable += 1
        self.first = self.first or f"{(line.prefix + line.text).strip()[:200]!r}: {why}"


def _said(error: Exception) -> str:
    return str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"


def clean(raw: str, *, prefixed: bool = True) -> Line:
    """A raw line without colours and engines' prefixes. Of a progress bar, what it showed last.

    A line cannot tell whether ``12: 3`` is srun's label or a framework's own words. Who reads the output of his own
    process, which no engine has touched yet, says `prefixed=False`.
    """
    text = _ANSI.sub("", raw) if "\x1b" in raw else raw
    found = _PREFIX.match(text) if prefixed else None
    start = found.end() if found else 0
    shown = text[start:].rstrip()
    if "\r" in shown:
        shown = shown.rpartition("\r")[2]
    if found is None or found.lastindex is None:
        return Line(shown, None, text[:start])
    return Line(shown, int(found["rank"] or found["task"]), text[:start])


def failure(rank: int, moment: float) -> str:
    """The line of FAILURE; `moment` in Unix seconds."""
    return f"seatrial: rank {rank} failed at {datetime.fromtimestamp(moment, UTC).isoformat(timespec='microseconds')}"


def number(text: str) -> float:
    """``6,785``, ``3.32K``, ``1.638E-08``, ``nan`` as a float. Raises ValueError."""
    if text.isascii() and "_" not in text:  # the common case by far: Python takes nothing else that we do not
        try:
            return float(text)
        except ValueError:  # 6,785 and 3.32K
            pass
    found = _NUMBER.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{text!r} is not a number")
    if found[1] is None:
        return float(found[0])
    return float(found[1].replace(",", "")) * _SUFFIXES[found[2]]


def same(count: float, rate: float, seconds: float) -> None:
    """Raises ValueError unless a batch of `count` at `rate` per second takes about `seconds`, where all are known."""
    if count > 0 and rate > 0 and seconds > 0 and not 1 / ROUNDED <= rate * seconds / count <= ROUNDED:
        raise ValueError(
            f"{rate:g} a second over {seconds:g} s are {rate * seconds:.4g}, and it says a batch of {count:g}"
        )


def size(text: str) -> int:
    """``68.57GiB``, ``1.75GB``, ``512B`` in bytes. Raises ValueError."""
    found = _SIZE.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{text!r} is not a size")
    base = 1024 if "i" in found[2] else 1000
    return round(number(found[1]) * float(base) ** _POWERS[found[2].rstrip("iB").upper()])
