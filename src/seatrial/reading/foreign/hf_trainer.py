"""What Hugging Face's Trainer prints: a dict of numbers every so many steps, and a progress bar that counts them.

    {'loss': 2.2091, 'grad_norm': 0.6023, 'learning_rate': 1.09e-05, 'epoch': 0.09}
     60/100 [06:04<04:03,  6.07s/it]

Newer versions print the numbers as strings. The last dict tells ``train_runtime``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from seatrial.events import Event, Step, Validation
from seatrial.rank import lines
from seatrial.rank.lines import Line, number
from seatrial.reading.foreign import Args

_BEGIN = re.compile(r"\{'(?:loss|eval_loss|eval_runtime|train_runtime)': ")
_DICT = re.compile(r"\{'\w+': [^{}]*\}")
_ITEM = re.compile(r"'(\w+)': ('[^']*'|[^,}]+)")
_BAR = re.compile(
    r"(?:^|\s)\d+%\|[^|]*\| *(?P<done>\d+)/(?P<all>\d+) \[[\d:]+<[\d:?]+(?:, +(?P<rate>[\d.]+)(?P<unit>it/s|s/it))?"
)


class Reader(lines.Reader):
    """Makes a Step of each dict with a loss. Without a bar the dicts are counted, which is told."""

    words = ("{'loss'", "'eval_", "'train_runtime'", "%|")
    finish = "'train_runtime'"

    def __init__(self, args: Args, world_size: int) -> None:
        self._count = args.global_batch_size * args.sequence_length
        self._bar: re.Match[str] | None = None
        self._last = 0

    def read(self, line: Line) -> Iterator[Event]:
        """See seatrial.rank.lines.Reader."""
        text = line.text
        for bar in _BAR.finditer(text):
            if self.total is None or int(bar["all"]) == self.total:  # another is that of an evaluation
                self._bar = bar
        begin = _BEGIN.search(text)
        if begin is None:
            return
        if begin[0].startswith("{'train_runtime'"):
            self.finished = True
            return
        found = _DICT.match(text, begin.start())
        if found is None:
            raise ValueError("the dict of a step does not end")
        values = {name: value.strip("' ") for name, value in _ITEM.findall(found[0])}
        if "loss" in values:
            yield self._step(values)
        elif "eval_loss" in values:
            metrics = {"loss": number(values["eval_loss"])}
            yield Validation(step=self._last, metrics=metrics, seconds=number(values.get("eval_runtime", "0")))

    def _step(self, values: dict[str, str]) -> Step:
        loss = number(values["loss"])
        bar = self._bar
        if bar is None:
            self._last, self.form = (
                self._last + 1,
                "Hugging Face Trainer without its progress bar: its lines are counted",
            )
        else:
            done, self.total = int(bar["done"]), int(bar["all"])
            self._last = self._last + 1 if done == self._last else done
        rate = float(bar["rate"]) if bar is not None and bar["rate"] else 0.0
        seconds = rate if bar is not None and bar["unit"] == "s/it" else 1 / rate if rate else 0.0
        self.finished = False
        return Step(
            step=self._last,
            loss=loss,
            learning_rate=number(values["learning_rate"]) if "learning_rate" in values else None,
            grad_norm=number(values["grad_norm"]) if "grad_norm" in values else None,
            count=self._count,
            seconds=seconds,
        )
