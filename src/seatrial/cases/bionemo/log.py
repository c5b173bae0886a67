"""BioNeMo's logs as events: the lines that NeMo 2 prints, and Lightning's progress bar of BioNeMo 1. No torch.

    Training epoch 0, iteration 28/99 | lr: 5.6e-06 | global_batch_size: 32 | global_step: 28 |
    reduced_train_loss: 2.778 | train_step_timing in s: 0.189 | consumed_samples: 928 | val_loss: 2.861 | val_ppl: 17.57

    Epoch 0:   3%|▎         | 34103/1100000 [5:28:58<171:22:21,  1.73it/s, loss=2.52, v_num=, reduced_train_loss=2.510,
    global_step=3.1e+4, consumed_samples=2.54e+8, val_loss=2.510]

(a line each). Our own program writes its events itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from seatrial.cases.bionemo import Args
from seatrial.events import Event, Step, Validation
from seatrial.rank import lines
from seatrial.rank.lines import Line, number

_MARK = re.compile(r"\bTraining epoch \d|\breduced_train_loss\b|\bEpoch \d+: +\d+%\|")
"""Any of these makes a line one of metrics, so that a torn one is missed and not overlooked."""
_LINE = re.compile(r"Training epoch \d+, iteration (\d+)/(\d+) \| (.+)")
_BAR = re.compile(
    r"Epoch \d+: +\d+%\|[^|]*\| *(?P<done>\d+)/(?P<all>\d+) "
    r"\[[\d:]+<[\d:?]+, +(?P<rate>\?|[\d.]+)(?P<unit>it/s|s/it)(?:, (?P<fields>.*))?\]"
)
_NEEDED = ("global_batch_size", "global_step", "reduced_train_loss", "train_step_timing in s")
_ROUNDED = 0.006
"""By how much a number with three digits is off at most."""


class Reader(lines.Reader):
    """Makes a Step of each line or state of the bar; losses are means over all ranks."""

    words = ("Training epoch", "reduced_train_loss", "%|", "`Trainer.fit`")
    hints = ("bionemo", "BioNeMo", "val_ppl")
    finish = "`Trainer.fit` stopped"

    def __init__(self, args: Args, world_size: int) -> None:
        self.args = args
        self.step = 0
        """The newest that was yielded."""
        self.validated = 0
        """Steps that were done at the newest validation."""

    def read(self, line: Line) -> Iterator[Event]:
        """See seatrial.rank.lines.Reader."""
        if self.finish in line.text:
            self.finished = True
        if not _MARK.search(line.text):
            return
        text, bar = line.text.strip(), "%|" in line.text
        found = (_BAR if bar else _LINE).fullmatch(text)
        if found is None:
            raise ValueError("this is not a whole metric line of BioNeMo")
        events = self._bar(found) if bar else self._line(_fields(found[3], " | ", ":"))
        for event in events:
            if isinstance(event, Step):
                self.step, self.finished = event.step, False
                self.total = None if bar else int(found[2]) + 1
            yield event

    def _line(self, fields: dict[str, str]) -> Iterator[Event]:
        missing = [name for name in _NEEDED if name not in fields]
        before = int(number(fields.get("global_step", "0")))
        if before and "consumed_samples" not in fields:  # only the first line has none
            missing.append("consumed_samples")
        if missing:
            raise ValueError(f"the line does not tell {', '.join(missing)}")
        batch = int(number(fields["global_batch_size"]))
        consumed = fields.get("consumed_samples")
        if consumed is not None and number(consumed) % batch:
            raise ValueError(f"{consumed} samples are no whole batches of {batch}: the line is torn")
        yield from self._validation(before, fields.get("val_loss"), fields.get("val_ppl"))
        yield Step(
            step=before + 1,  # it counts from 0
            loss=number(fields["reduced_train_loss"]),
            learning_rate=number(fields["lr"]) if "lr" in fields else None,
            grad_norm=number(fields["grad_norm"]) if "grad_norm" in fields else None,
            count=batch * self.args.sequence_length,
            seconds=number(fields["train_step_timing in s"]),
        )

    def _bar(self, found: re.Match[str]) -> Iterator[Event]:
        fields = _fields(found["fields"] or "", ", ", "=")
        if "reduced_train_loss" not in fields:  # it is drawn before the first step, too
            return
        step = self._step(int(found["done"]), number(fields["global_step"]))
        if step == self.step:  # drawn again
            return
        yield from self._validation(step, fields.get("val_loss"), None)
        rate = 0.0 if found["rate"] == "?" else number(found["rate"])
        yield Step(
            step=step,
            loss=number(fields["reduced_train_loss"]),
            count=self.args.global_batch_size * self.args.sequence_length,
            seconds=rate if found["unit"] == "s/it" else 1 / rate if rate else 0.0,
        )

    def _step(self, done: int, rounded: float) -> int:
        """The bar counts batches of validations too; the step itself is printed with three digits."""
        every, batches = self.args.validation_every, self.args.validation_batches
        step = done - batches * (done // (every + batches)) if every else done
        return step if abs(step - rounded) <= max(1.0, _ROUNDED * rounded) else round(rounded)

    def _validation(self, before: int, loss: str | None, perplexity: str | None) -> Iterator[Event]:
        """Each line repeats what the last validation found: it is told once, at the step that it was at."""
        every = self.args.validation_every
        step = before // every * every if every else 0
        if loss is None or step <= self.validated:
            return
        self.validated = step
        metrics = {"loss": number(loss)} | ({"perplexity": number(perplexity)} if perplexity is not None else {})
        yield Validation(step=step, metrics=metrics, seconds=0.0)  # the log does not tell


def _fields(text: str, between: str, sign: str) -> dict[str, str]:
    """``lr: 5.6e-06 | global_batch_size: 32`` by name."""
    fields: dict[str, str] = {}
    for part in text.split(between) if text else ():
        name, found, value = part.partition(sign)
        if not found or name.strip() in fields:
            raise ValueError(f"{part.strip()!r} is not a field of its own")
        fields[name.strip()] = value.strip()
    return fields
