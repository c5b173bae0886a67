"""A log as it is read, line after line: its metrics, its attempts, and how it ended."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from seatrial.events import Event, RunEnd, Step
from seatrial.rank.lines import Reader
from seatrial.rank.reading import Reading
from seatrial.reading import thinning
from seatrial.reading.clock import Clock
from seatrial.reading.ends import Watch
from seatrial.reading.kinds import ANEW, METRIC, SIGN, Kinds


@dataclass(frozen=True, slots=True)
class Anew:
    """From here on another attempt trains."""

    done: int
    """Steps that it began with."""


class Log:
    """Metrics, attempts and end of a log.

    A run is completed if the log shows that: the framework's own words that it is through, or its launcher's that all
    processes ended well, and no step is missing of those that the log itself tells. The recipe does not decide it, and
    neither does the last step alone: a crash behind it may be cut off. A sign of a failure that no other attempt
    followed is how it ended. All else is an end that nobody saw.
    """

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self.reading = Reading(reader)
        self.last = 0
        """The newest step."""
        self.before = 0
        """Steps that were done before the log began."""
        self.clock = Clock()
        """The steps' times beside those of the lines."""
        self._found: list[Event | Anew] = []
        self._watch = Watch()
        self._number = 0
        """Of the line that is read."""
        self._first: int | None = None
        self._every = 1
        """Steps between two lines."""
        self._many = getattr(reader, "many", lambda *_: None)
        self._together = 1
        """Steps that are told as one: several in a log that is too long for all, and of hardly more than one rank."""
        self._kinds = Kinds(getattr(reader, "words", ()))
        self._spared: str | None = None
        """The line before, if the reader needed not see it."""

    def take(self, lines: list[str]) -> None:
        """Read some more lines, without what ends them. Most say nothing to anybody, and are not looked at."""
        kinds = self._kinds.of(lines)
        if self._at_once(lines, kinds):
            return
        seen = -1
        for at in self._order([at for at, kind in enumerate(kinds) if kind], len(lines)):
            raw, kind = lines[at], kinds[at]
            if kind & METRIC or self.reading.waits:
                before = self._spared if at == 0 else lines[at - 1] if seen != at - 1 else None
                if before is not None:
                    self.reading.passed_over(before)
                seen = at
                for event in self.reading.line(raw):
                    self._add(event, raw)
            if kind & SIGN or self._watch.ignores or (kind & ANEW and self._watch.sign is not None):
                self._watch.line(self._number + at + 1, raw)
        self._thin()
        self._number += len(lines)
        self._spared = lines[-1] if seen != len(lines) - 1 else None

    def _at_once(self, lines: list[str], kinds: list[int]) -> bool:
        """Read lines that hold steps and nothing else; false if they must be read one after the other."""
        watch, signs = self._watch, any(kind & SIGN for kind in set(kinds))
        if signs or watch.sign is not None or watch.ignores or self.reading.waits or self._first is None:
            return False
        metric = [at for at, kind in enumerate(kinds) if kind & METRIC]
        told = self._many([lines[at] for at in metric], self._together, thinning.ENDS)
        if told is None:
            return False
        dense = len(told) * self._together > len(metric) / 2
        for at, event in told:
            self._add(event, lines[metric[at]])
        self._together = thinning.TOGETHER if self._thin() and dense else self._together if dense else 1
        self._number += len(lines)
        self._spared = lines[-1]
        return True

    def _order(self, marked: list[int], count: int) -> Iterator[int]:
        """Which of `count` lines are looked at: those that are marked, and all while the next one is waited for."""
        done = -1
        for at in [*marked, count]:
            while done + 1 < at and (self.reading.waits or self._watch.ignores):
                done += 1
                yield done
            if at < count:
                done = at
                yield at

    def end(self) -> list[Event | Anew]:
        """All that was found: nothing more comes."""
        succeeded = self._watch.succeeded
        for event in self.reading.end():  # a block whose end nobody saw: it stands before what came last
            self._add(event, "")
        self._watch.succeeded = succeeded
        if self._first is not None:
            self._found.append(self._ended())
        return self._found

    @property
    def completed(self) -> bool:
        """Whether the log shows a good end, so far."""
        end = self._found[-1] if self._found else None
        return isinstance(end, RunEnd) and end.outcome == "completed"

    def _add(self, event: Event, raw: str) -> None:
        if isinstance(event, Step):
            self._step(event, raw)
        self._found.append(event)

    def _thin(self) -> bool:
        """Whether there were too many events."""
        if len(self._found) <= thinning.MOST:
            return False
        self._found = thinning.thinned(self._found, self.before)
        return True

    def _step(self, event: Step, raw: str) -> None:
        step, sign, begun = event.step, self._watch.sign, getattr(self.reader, "begun", None)
        if self._first is None:
            self._first, self.last = step, step
            self.before = max(step - 1, 0) if begun is None else min(begun, step - 1)
            self._every = step if begun is None else step - self.before
            self._watch.begin()
            self.clock.step(raw, 0.0)
            return
        again = step < self.last or (sign is not None and (step == self.last or sign.anew))
        if again:
            if sign is not None:
                self._found.append(RunEnd(outcome="failed", step=self.last, reason=str(sign)))
            self._found.append(Anew(max(step - self._every, 0) if begun is None else min(begun, step - 1)))
        elif step > self.last:
            if begun is None and self.last == self._first:  # a line every so many steps, and the first is one of them
                self.before = max(self._first - (step - self._first), 0)
            self._every = step - self.last
        if step != self.last:
            self.clock.step(raw, (step - self.last) * event.seconds)
        self._watch.step(again=again)
        self.last = step

    def _ended(self) -> RunEnd:
        sign, last, total = self._watch.sign, self.last, getattr(self.reader, "total", None)
        if sign is not None:
            return RunEnd(outcome="failed", step=last, reason=str(sign))
        if self._watch.survived is not None:
            went_on = f"{self._watch.survived}; steps went on after it, though nothing tells of a start anew"
            return RunEnd(outcome="lost", step=last, reason=went_on)
        finish, finished = getattr(self.reader, "finish", ""), getattr(self.reader, "finished", False)
        through = finished or self._watch.succeeded
        if through and (total is None or last > total - max(self._every, 1)):
            return RunEnd(outcome="completed", step=total or last)
        return RunEnd(outcome="lost", step=last, reason=_unseen(last, total, finish, through=through))


def _unseen(last: int, total: int | None, finish: str, *, through: bool) -> str:
    """Why the end of a run is not known."""
    if total is not None and last < total:
        return f"the log {'says that it is through' if through else 'ends'} after step {last} of {total}"
    if finish:
        return f"the log ends without {finish!r}"
    told = "does not tell how many steps were asked for" if total is None else "ends with its last step"
    return f"the log {told}, and nothing in it says that the processes ended well"
