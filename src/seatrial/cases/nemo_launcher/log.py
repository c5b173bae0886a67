"""NeMo 1's progress bar as events, and the lines of our driver. Standard library only."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from seatrial.cases.megatron_lm.log import Reader as MegatronReader
from seatrial.events import Event, Step, Validation
from seatrial.rank import lines
from seatrial.rank.lines import Line, number

if TYPE_CHECKING:
    from seatrial.cases.nemo_launcher import Args

_MARK = re.compile(r"\bEpoch \d+:|reduced_train_loss=|train_step_timing")
"""Any of these makes a line one of metrics, so that a torn one is missed and not overlooked."""
_BAR = re.compile(
    r"Epoch (?P<epoch>\d+): (?:: )?\ *\d+%\|[^|A-Za-z]*\| (?P<done>\d+)/(?P<all>\d+) "
    r"\[(?P<elapsed>[\d:]+)<(?P<left>[\d:?]+)(?:, +(?P<rate>[\d.]+|\?)(?P<unit>it/s|s/it))?(?P<rest>, [^\[\]]*)?\]"
    r"(?P<more>.*)"
)
_STEPS = re.compile(r"`max_steps=(\d+)` reached")
_STOPPED = re.compile(r"`Trainer\.fit` stopped: ")
_LOSS, _SECONDS, _VALIDATION = "reduced_train_loss", "train_step_timing in s", "val_loss"


@dataclass(slots=True)
class _Shown:
    """What the bar shows at a step, so far: it is drawn again when a number comes in."""

    step: int
    fields: dict[str, str]
    rate: float | None
    """Seconds per step, averaged by the bar itself."""
    drawn: int = 1
    """How often."""


class Reader(lines.Reader):
    """Reads the bar that rank 0 draws, and what our driver prints instead.

    A step's bar is drawn first with the numbers of the step before, and then with its own: the last one counts, so that
    a step is known when the next one begins, or the training ends.
    """

    words = ("Epoch ", "reduced_train_loss", "train_step_timing", "`Trainer.fit`", *MegatronReader.words)
    finish = "`Trainer.fit` stopped"

    def __init__(self, args: Args, world_size: int) -> None:
        self.args = args
        self._driver = MegatronReader(args, world_size)
        self._shown: _Shown | None = None
        self._told: dict[str, str] = {}
        """Of the step before."""
        self._validated = ""

    def read(self, line: Line) -> Iterable[Event]:
        """See seatrial.rank.lines.Reader."""
        if _STOPPED.search(line.text):
            events, self.finished = list(self.end()), True
            told = _STEPS.search(line.text)
            self.total = int(told[1]) if told else self.total
            return events
        if not _MARK.search(line.text):
            events = list(self._driver.read(line))
            self.total, self.finished = self._driver.total or self.total, self._driver.finished or self.finished
            return events
        found = _BAR.search(line.text)
        if found is None or _MARK.search(found["more"]) or _MARK.search(line.text[: found.start()]):
            raise ValueError("this is not a whole progress bar of NeMo")
        return list(self._bar(found))

    def _bar(self, found: re.Match[str]) -> Iterator[Event]:
        fields = _fields(found["rest"] or "")
        if found["epoch"] == "0":
            self.total, self.finished = int(found["all"]), False
        step = _step(int(found["epoch"]), int(found["done"]), fields)
        before = self._shown
        again = before is not None and before.step == step
        if not again:
            yield from self._known()
        rate = _rate(found["rate"], found["unit"])
        drawn = before.drawn + 1 if before is not None and again else 1
        self._shown = _Shown(step, fields, rate, drawn) if step else None

    def end(self) -> Iterable[Event]:
        """The step that is shown, if its numbers had come."""
        shown = self._shown
        if shown is not None and shown.drawn == 1 and shown.fields == self._told:
            self._shown = None  # cut off when it showed those of the step before
        return self._known()

    def _known(self) -> Iterator[Event]:
        shown, self._shown = self._shown, None
        if shown is None:
            return
        self._told = shown.fields
        if _LOSS not in shown.fields:
            raise ValueError(f"the bar of step {shown.step} tells no {_LOSS}")
        seconds = number(shown.fields[_SECONDS]) if _SECONDS in shown.fields else shown.rate
        if seconds is None:
            raise ValueError(f"the bar of step {shown.step} tells no time")
        yield Step(
            step=shown.step,
            loss=number(shown.fields[_LOSS]),
            count=self.args.global_batch_size * self.args.sequence_length,
            seconds=seconds,
        )
        validated = shown.fields.get(_VALIDATION)
        if validated is not None and validated != self._validated:
            self._validated = validated
            # The bar does not tell how long it took.
            yield Validation(step=shown.step, metrics={"loss": number(validated)}, seconds=float("nan"))


def _fields(text: str) -> dict[str, str]:
    """``, loss=10.9, v_num=, global_step=39.00`` by name."""
    fields: dict[str, str] = {}
    for part in text.split(", ")[1:]:
        name, equals, value = part.partition("=")
        if not equals or name in fields:
            raise ValueError(f"{part!r} is not a field of its own")
        fields[name] = value
    return fields


def _step(epoch: int, done: int, fields: dict[str, str]) -> int:
    """Steps that are done. The bar counts those of an epoch; all are told with three digits."""
    if epoch == 0 or done == 0:
        return done
    told = fields.get("global_step", "")
    if "e" in told or not told:
        raise ValueError(f"which step it is cannot be seen in epoch {epoch}: global_step={told}")
    return round(number(told)) + 1


def _rate(rate: str | None, unit: str | None) -> float | None:
    if rate in (None, "?") or not number(rate or ""):
        return None
    return number(rate or "") if unit == "s/it" else 1 / number(rate or "")
