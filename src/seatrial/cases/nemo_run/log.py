"""NeMo 2's log as events, and megatron-core's where that trains. Standard library only."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator

from seatrial.cases.megatron_lm.log import Reader as MegatronReader
from seatrial.cases.nemo_run import Args
from seatrial.cases.nemo_run.megatron import megatron_args
from seatrial.events import Event, Step, Validation
from seatrial.rank import lines
from seatrial.rank.lines import Line, number

_MARK = re.compile(r"\bTraining epoch \d|\breduced_train_loss\b|\bglobal_step:|\bconsumed_samples:|\btrain_step_timing")
"""Any of these makes a line one of metrics, so that a torn one is missed and not overlooked."""

_STEP = re.compile(r"Training epoch (\d+), iteration (\d+)/(\d+) \| (.+)")
_NAME = re.compile(r"[A-Za-z][\w ./-]*", re.ASCII)
_ALWAYS = {"lr", "global_batch_size", "global_step", "reduced_train_loss", "train_step_timing in s"}


FINISH = "`Trainer.fit` stopped"
"""What Lightning prints when it is through, and why: ``: `max_steps=100` reached.``"""


class Reader(lines.Reader):
    """Reads the lines of NeMo's ProgressPrinter: rank 0 prints them, with 4 digits."""

    words = ("Training epoch", "reduced_train_loss", "global_step:", "consumed_samples:", "train_step_timing",
             "Validation: iteration", "`Trainer.fit`", *MegatronReader.words)  # fmt: skip
    finish = FINISH

    def __init__(self, args: Args, world_size: int) -> None:
        self.args = args
        self._validated = False
        self._val_loss: float | None = None
        self._megatron = MegatronReader(megatron_args(args), world_size) if args.engine == "megatron-core" else None

    def read(self, line: Line) -> Iterable[Event]:
        """See seatrial.rank.lines.Reader."""
        if self._megatron is not None and not _MARK.search(line.text):
            events = self._megatron.read(line)
            self.total = self._megatron.total or self.total
            self.finished = self._megatron.finished or self.finished or FINISH in line.text
            return events
        self.finished = self.finished or FINISH in line.text
        self._validated = self._validated or line.text.startswith("Validation: iteration")
        return self._metrics(line.text) if _MARK.search(line.text) else ()

    def _metrics(self, text: str) -> Iterator[Event]:
        found = _STEP.fullmatch(text.lstrip())
        if found is None:
            raise ValueError("this is not a whole metric line of NeMo")
        fields = _fields(found[4])
        missing = _ALWAYS - fields.keys()
        if missing:
            raise ValueError(f"the line does not tell {', '.join(sorted(missing))}")
        step = int(fields["global_step"]) + 1  # NeMo counts from 0
        self.total, self.finished = int(found[3]) + 1, False
        yield Step(
            step=step,
            loss=fields["reduced_train_loss"],
            learning_rate=fields["lr"],
            grad_norm=fields.get("grad_norm"),
            count=int(fields["global_batch_size"]) * self.args.sequence_length,
            seconds=fields["train_step_timing in s"],
        )
        yield from self._validation(step - 1, fields.get("val_loss"))

    def _validation(self, done: int, loss: float | None) -> Iterator[Event]:
        """The first line after a validation tells its loss, and so do all lines until the next one."""
        if loss is not None and (self._validated or loss != self._val_loss):
            yield Validation(step=done, metrics={"loss": loss}, seconds=math.nan)
        self._validated, self._val_loss = False, loss


def _fields(text: str) -> dict[str, float]:
    """``lr: 4.498e-06 | global_batch_size: 512`` by name."""
    fields: dict[str, float] = {}
    for part in text.split(" | "):
        name, colon, value = part.rpartition(": ")
        if not colon or name in fields or not _NAME.fullmatch(name):
            raise ValueError(f"{part!r} is not a field of its own")
        fields[name] = number(value)
    return fields
