"""Lines that frameworks print, freed of what engines and terminals put around them.

Standard library only: the command reads logs with it as well as the ranks.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple, Protocol

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
_NUMBER = re.compile(
    r"([+-]? (?: (?:\d{1,3}(?:,\d{3})+|\d+) (?:\.\d*)? | \.\d+ ) (?:[eE][+-]?\d+)?) ([kKMBGT]?)"
    r"| [+-]? (?i:nan|inf(?:inity)?)",
    re.VERBOSE | re.ASCII,
)
_SUFFIXES = {"": 1.0, "k": 1e3, "K": 1e3, "M": 1e6, "B": 1e9, "G": 1e9, "T": 1e12}
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
    """Raises ValueError unless a batch of `count` at `rate` per second takes about `seconds`, where all are known.

    A rate below one a second says nothing: it may be printed with fewer digits.
    """
    if count > 0 and rate >= 1 and seconds > 0 and not 1 / ROUNDED <= rate * seconds / count <= ROUNDED:
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
