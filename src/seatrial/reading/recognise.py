"""Whose log it is: the readers of all cases try it, and the one that reads most of it has it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice

from seatrial.errors import Problem, UserError
from seatrial.events import Step
from seatrial.rank.lines import Reader
from seatrial.rank.reading import Reading
from seatrial.reading.kinds import METRIC, Kinds, batches
from seatrial.spec import Case

BEGINNING = 2000
"""Lines of a log's beginning in which hints are looked for."""
SAMPLE = 4000
"""Lines that some reader asks for, which all of them try."""
ENOUGH = 5
"""Steps that show that a reader can read a log."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A case, and a reader of its logs."""

    case: Case
    reader: Reader


def find(candidates: Sequence[Candidate], lines: Iterable[str]) -> Case:
    """The case whose reader reads most of a log. Raises UserError with what was looked for if none reads a step."""
    rest = iter(lines)
    beginning = list(islice(rest, BEGINNING))
    words = {word for one in candidates for word in getattr(one.reader, "words", ())}
    sample = list(islice(_needed(chain(beginning, rest), words), SAMPLE))
    text = "\n".join([*beginning, *sample])
    found = [(*_score(one.reader, sample, text), one.case) for one in candidates]
    read = [one for one in found if one[0]]
    if not read:
        names = ", ".join(sorted({one.case.name for one in candidates}))
        looked = f"the readers of {names} find no step in it"
        raise UserError(Problem(looked, "the log", "name its case: seatrial read CASE FILE, or look at what it prints"))
    return max(read, key=lambda one: one[:3])[-1]  # the first of those that read it equally well


def _needed(lines: Iterable[str], words: Collection[str]) -> Iterator[str]:
    """Lines with one of the words, and the next of each, which may be what a terminal wrapped."""
    kinds, before = Kinds(sorted(words)), 0
    for batch in batches(lines):
        for line, kind in zip(batch, kinds.of(batch), strict=True):
            if (kind | before) & METRIC:
                yield line
            before = kind


def _score(reader: Reader, sample: Sequence[str], text: str) -> tuple[int, int, int]:
    """Steps that were read, up to ENOUGH; how few lines were not; and what the log's other words say."""
    reading, steps = Reading(reader, survives=Exception), 0
    for line in sample:
        steps += sum(isinstance(event, Step) for event in reading.line(line))
        if steps >= ENOUGH:
            break
    last = [*reading.end()] if steps < ENOUGH else []
    steps += sum(isinstance(event, Step) for event in last)
    hints = getattr(reader, "hints", ())
    told = 1 if not hints else 2 if any(hint in text for hint in hints) else 0
    return min(steps, ENOUGH), -reading.unreadable, told
