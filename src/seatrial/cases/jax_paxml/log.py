"""paxml's log: what it writes as summaries of a step, in absl's format."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime, timedelta

from seatrial.cases.jax_paxml import Args
from seatrial.events import Event, Step
from seatrial.rank import lines
from seatrial.rank.lines import Line, number

_ABSL = re.compile(r"[IWEF](?P<day>\d{4}) (?P<clock>\d\d:\d\d:\d\d\.\d{6}) +\d+ (?P<place>[\w.]+:\d+)\] (?P<said>.*)")
_SUMMARY = re.compile(r"summary tensor at step=(?P<step>\d+) (?P<name>\S+) (?P<value>\S+)")
_STEP = re.compile(r"Wrote summary entry at step `(?P<step>\d+)` \(loss=`(?P<loss>[^`]+)`\)\.")
_TOOK = re.compile(r"\[PAX STATUS\]: train_step\(\) took (?P<seconds>\S+) seconds\.")
_BEGINNINGS = ("summary tensor at step=", "Wrote summary entry", "[PAX STATUS]: train_step() took")
_NAMES = {"loss": "loss", "learning/raw_grad_norm_scalar": "grad_norm", "learning/lr_scalar": "learning_rate"}
"""paxml's name -> field of Step."""
ONE_DAY = timedelta(days=1)


class Reader(lines.Reader):
    """Makes a Step of each summary that has been written."""

    words = (*_BEGINNINGS, "[PAX STATUS]: E2E time")
    finish = "[PAX STATUS]: E2E time: Elapsed time"

    def __init__(self, args: Args, world_size: int) -> None:
        self._count = args.global_batch_size * args.sequence_length
        self._values: dict[int, dict[str, float]] = {}
        self._took: float | None = None
        self._last: tuple[int, datetime] | None = None

    def read(self, line: Line) -> Iterable[Event]:
        """The step whose summary is complete with this line. Raises ValueError for a metric line that is torn."""
        said = _ABSL.fullmatch(line.text)
        if said is None:
            if any(beginning in line.text for beginning in _BEGINNINGS):
                raise ValueError("not a whole line of absl's")
            return
        text = said["said"]
        if text.startswith(self.finish):
            self.finished = True
        if text.startswith(_BEGINNINGS):
            yield from self._metric(text, datetime.strptime(said["day"] + said["clock"], "%m%d%H:%M:%S.%f"))
        elif any(beginning in text for beginning in _BEGINNINGS):
            raise ValueError("two lines in one")

    def end(self) -> Iterable[Event]:
        """Raises ValueError for a step whose summary began and was not written to its end."""
        if self._values:
            raise ValueError(f"the summary of step {min(self._values)} does not end")
        return ()

    def _metric(self, text: str, when: datetime) -> Iterable[Event]:
        if found := _TOOK.fullmatch(text):
            self._took = number(found["seconds"])
        elif found := _SUMMARY.fullmatch(text):
            value = number(found["value"])
            if field := _NAMES.get(found["name"]):
                self._values.setdefault(int(found["step"]), {})[field] = value
        elif found := _STEP.fullmatch(text):
            number(found["loss"])
            self.finished = False
            yield self._step(int(found["step"]), when)
        else:
            raise ValueError("a metric line of another form")

    def _step(self, step: int, when: datetime) -> Step:
        values = self._values.pop(step, {})
        if missing := set(_NAMES.values()) - values.keys():
            raise ValueError(f"the summary of step {step} lacks {', '.join(sorted(missing))}")
        return Step(
            step=step,
            loss=values["loss"],
            learning_rate=values["learning_rate"],
            grad_norm=values["grad_norm"],
            count=self._count,
            seconds=self._seconds(step, when),
        )

    def _seconds(self, step: int, when: datetime) -> float:
        """Per step since the last summary, by absl's clock; of the first, what paxml says that the step took."""
        before, self._last = self._last, (step, when)
        if before is None or before[0] >= step:
            return self._took or 0.0
        passed = (when - before[1]) % ONE_DAY  # absl gives no year
        return passed.total_seconds() / (step - before[0])
