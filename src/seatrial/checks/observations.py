"""What a command or a file of a node said, kept as evidence, and where it comes from."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from seatrial.rank.lines import clean

Level = Literal["quick", "full", "deep"]
"""How much time a look at a node may take: seconds beside a running job, seconds alone, minutes alone."""
LEVELS: tuple[Level, ...] = ("quick", "full", "deep")

Part = Literal["node", "gpu", "nvswitch", "efa", "neuron"]
"""What of a node something is about: not every node has all of them."""


class Unreadable(Exception):
    """A text is not what was expected, or only a part of it."""

    def __init__(self, expected: str, line: str = "") -> None:
        """`expected`: what the text should be; `line`: the first one that is not it, empty at the end of the text."""
        self.expected, self.line = expected, line.strip()[:200]
        super().__init__(f"{self.line!r} instead of {expected}" if line else f"ends before {expected}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Observation:
    """What one command printed, or what stood in a file."""

    kind: str
    """What it is an output of: the name of its `Source`."""
    origin: str
    """The command as it was run, or the path of the file."""
    text: str = ""
    path: Path | None = None
    """A file that is read line by line instead of `text`, since it may be larger than memory."""
    status: int = 0
    """Exit status of the command; negative: the signal that killed it."""
    error: str = ""
    """The last line that it wrote to standard error."""
    problem: str = ""
    """Why there is nothing to read: the command is missing, did not answer in time, may not be read."""
    remedy: str = ""
    """What to do about `problem`."""
    seconds: float = 0.0
    """How long it took."""
    taken: float = 0.0
    """When it was taken, Unix seconds; 0: not known."""
    foreign: bool = False
    """Captured by somebody else, so that srun, kubectl or a terminal may have put something before its lines."""

    def lines(self) -> Iterator[str]:
        """Its lines, each with its end: the last one has none where the text was cut off."""
        if self.path is None:
            yield from self.text.splitlines(keepends=True)
            return
        with self.path.open(encoding="utf-8", errors="replace", newline="\n") as file:
            yield from file

    def pieces(self, size: int) -> Iterator[str]:
        """Its text in pieces of `size` characters, wherever that cuts it."""
        if self.path is None:
            yield from (self.text[begin : begin + size] for begin in range(0, len(self.text), size))
            return
        with self.path.open(encoding="utf-8", errors="replace", newline="\n") as file:
            while piece := file.read(size):
                yield piece


class Lines:
    """The lines of an observation while they are read, and afterwards whether the last one was whole."""

    def __init__(self, observation: Observation) -> None:
        self.taken = observation.taken
        """When the observation was taken, Unix seconds; 0: not known."""
        self.foreign = observation.foreign
        """Captured by somebody else, maybe long before it was taken."""
        self._observation, self._lines = observation, observation.lines()
        self.whole = True
        self.count = 0

    def __iter__(self) -> Iterator[str]:
        for line in self._lines:  # who begins anew goes on where he was
            self.count += 1
            self.whole = line.endswith("\n")
            yield clean(line).text + ("\n" if self.whole else "") if self.foreign else line

    def blocks(self, size: int = 1 << 20) -> Iterator[str]:
        """The same lines in blocks of about `size` characters, as they are: engines' prefixes and colours stay. For who
        looks at few lines of a large file. A line longer than a block is cut."""
        rest = ""
        for piece in self._observation.pieces(size):
            text = rest + piece
            end = text.rfind("\n") + 1 or (len(text) if len(text) >= size else 0)
            rest = text[end:]
            if end:
                self.count += text.count("\n", 0, end)
                self.whole = text.endswith("\n", 0, end)
                yield text[:end]
        if rest:
            self.count += 1
            self.whole = False
            yield rest


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """Where an observation comes from, and how it is read."""

    kind: str
    """Name of it: ``nvidia-smi``, ``kernel-log``. What `seatrial check read` takes."""
    title: str
    """What it is, for people."""
    part: Part
    """What of a node it is about. Nodes that have none of it are not asked."""
    level: Level
    """The first level at which it is asked."""
    parse: Callable[[Lines], Any]
    """Text -> values. Raises Unreadable."""
    command: tuple[str, ...] = ()
    """What is run; ``python`` is the one that this runs on. Without a command and files it is only read, never
    collected: what is said about a whole cluster is no business of one of its nodes."""
    tool: str = ""
    """The program that must be there, where the command's first word only starts it: a shell, ``timeout``."""
    errors: bool = False
    """Whether what it writes to standard error is its answer where it prints nothing else."""
    files: tuple[str, ...] = ()
    """Instead of a command: globs of files below the root, whose lines are taken as ``path:line``, as grep does."""
    looks: int = 1
    """How often it is looked at; the looks stand behind each other, each behind a line ``@ Unix seconds``."""
    apart: float = 1.0
    """Seconds between two looks."""
    package: str = ""
    """What brings the command, or makes the files."""
    timeout: float = 5.0
    """Seconds after which the command is killed."""
    statuses: frozenset[int] = frozenset({0})
    """Exit statuses with which the output may be believed to be all."""
    privileged: bool = False
    """Whether only root sees all of it."""
    alone: bool = False
    """Whether it loads what others measure, so that it is run by itself after all that do not."""
    ends: bool = True
    """Whether the text ends with an end of line, so that one without was cut off."""
    disproved_by: Level | None = None
    """Level of a check that must pass before a fault which was seen here is no more; None: that of the check which saw
    it. What is only a trace of the past, such as a line of a log, is disproved by a test and not by its absence."""
    read: bool = True
    """Whether people have it as a file, so that `seatrial check read` offers it."""

    @property
    def collected(self) -> bool:
        """Whether a node is asked for it."""
        return bool(self.command or self.files)
