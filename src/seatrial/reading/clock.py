"""Whether the steps of a log took as long as they say: by the times that its own lines carry."""

from __future__ import annotations

import math
import re
from statistics import median

from seatrial.findings import Finding, Rule, Verdict

DAY = 86400.0
STRETCH, COARSE = 1.0, 4.0
"""Seconds, at least, between two lines that are compared; where stamps have no fraction of a second."""
LEAST = 5
"""Stretches without which nothing is said."""
MOST = 512
"""Stretches that are kept; of more, two become one."""
APART = 1.5
"""Factor above which times cannot be of the same steps: a bound of ours, for logging, checkpoints and validation. The
median of all stretches does not see those that are rare."""
OFTEN = 256
"""Logged steps whose lines are looked at, each; of those behind them one of RARELY is enough."""
RARELY = 16

LOG_TIMES = Rule(
    id="run.log-times",
    verdicts=(Verdict.UNKNOWN,),
    reads="the framework's log",
    expected="as much time between two lines as the steps between them took",
    why="a time that is not that of the steps, or a batch that is not theirs, makes every figure of speed a wrong one",
    remedy="say with --set what was different from the recipe, the batch first of all",
    source="Seatrial's own rule",
    good="2025-06-01 00:00:00 step 1 took 10 s\n2025-06-01 00:00:10 step 2 took 10 s",
    bad="2025-06-01 00:00:00 step 1 took 1 s\n2025-06-01 00:00:10 step 2 took 1 s",
)

_STAMP = re.compile(
    r"(?:\d{4}-\d\d-\d\d[T ]|\b\d\d/\d\d(?:/\d{4})? |\b[A-Z][a-z]{2} [ \d]\d )(\d\d):(\d\d):(\d\d)(?:[.,](\d+))?"
)
"""Of a logger, of kubectl and of journald."""


class Clock:
    """The times of a log's steps beside those of its lines."""

    def __init__(self) -> None:
        self._stretches: list[tuple[float, float]] = []
        """Seconds by the lines, and by what the steps say."""
        self._begun: float | None = None
        """Time of the line at which the newest stretch begins."""
        self._said = 0.0
        """What the steps since then say that they took."""
        self._lines = 0

    def step(self, raw: str, seconds: float) -> None:
        """A line says that all since the one before took `seconds`; 0, less, NaN: that is not known, or begins anew."""
        self._lines += 1
        if not (math.isfinite(seconds) and seconds > 0):
            self._begun = None
        self._said += seconds
        if self._lines > OFTEN and self._lines % RARELY:
            return
        moment = stamp(raw)
        if moment is None:
            return
        if self._begun is not None:
            passed = (moment - self._begun) % DAY
            if passed < (STRETCH if moment % 1 or self._begun % 1 else COARSE):
                return
            if passed < DAY / 2:  # else two lines that changed places
                self._stretches.append((passed, self._said))
        self._begun, self._said = moment, 0.0
        if len(self._stretches) > MOST:
            pairs = zip(self._stretches[::2], self._stretches[1::2], strict=False)
            self._stretches = [(a + b, said + told) for (a, said), (b, told) in pairs]

    @property
    def ratio(self) -> float | None:
        """Seconds that pass between lines for each that the steps between them say; None if too little is known."""
        if len(self._stretches) < LEAST:
            return None
        return median(passed / said for passed, said in self._stretches)

    def finding(self) -> Finding | None:
        """What is wrong with the times; None if nothing is, or nothing can be said."""
        ratio = self.ratio
        if ratio is None or 1 / APART <= ratio <= APART:
            return None
        observed = (
            f"between its lines {ratio:.3g} s pass for each second that the steps are said to take, by the median of "
            f"{len(self._stretches)} stretches"
        )
        return LOG_TIMES.finding(Verdict.UNKNOWN, observed, evidence="logs/rank-0.log")


def stamp(raw: str) -> float | None:
    """Seconds since midnight of the last time in a line, which is its logger's own; None if it has none."""
    found = _STAMP.findall(raw)
    if not found:
        return None
    hours, minutes, seconds, fraction = found[-1]
    return int(hours) * 3600 + int(minutes) * 60 + int(seconds) + float(f"0.{fraction or 0}")
