"""Megatron-LM's log as events, of our driver and of pretrain_gpt.py alike. Standard library only."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator

from seatrial.arguments import SequenceArgs
from seatrial.events import Event, Step, Validation
from seatrial.rank import lines
from seatrial.rank.lines import Line, number

_MARK = re.compile(r"\biteration +\d+/|validation loss at\b|\| consumed samples:|\| lm loss")
"""Any of these makes a line one of metrics, so that a torn one is missed and not overlooked."""

_STEP = re.compile(r"(?: ?\[[^\]]+\])? ?iteration +(\d+)/ *(\d+) \|(.+) \|")  # newer versions begin with the time
_VALIDATION = re.compile(
    r" ?validation loss at iteration (\d+)( on (?:validation|test) set)? "
    r"\| lm loss value: (\S+) \| lm loss PPL: (\S+) \|"
)
_MEMORY = re.compile(r"\[Rank \d+\] \(after \d+ iterations\) memory \(MB\).*\| max allocated: ([\d.]+) \|")
_FLOPS = "throughput per GPU (TFLOP/s/GPU)"
"""There with --log-throughput."""
_ALWAYS = {
    "consumed samples",
    "elapsed time per iteration (ms)",
    "learning rate",
    "global batch size",
    "loss scale",
    "number of skipped iterations",
    "number of nan iterations",
}


class Reader(lines.Reader):
    """Reads Megatron's metric lines: one rank prints them, the last one in pretrain_gpt.py, rank 0 in our driver.

    A line whose steps were all skipped, as fp16 does while it looks for its loss scale, has no loss and gives no Step.
    """

    def __init__(self, args: SequenceArgs, world_size: int) -> None:
        self.args, self.world_size = args, world_size
        self._last = ""
        self._memory: int | None = None

    def read(self, line: Line) -> Iterable[Event]:
        """See seatrial.rank.lines.Reader."""
        memory = _MEMORY.search(line.text)
        if memory:
            self._memory = round(float(memory[1]) * 2**20)  # Megatron's MB are MiB
        if not _MARK.search(line.text) or line.text == self._last:  # a line that every rank prints counts once
            return []
        events = list(self._metrics(line.text))
        self._last = line.text
        return events

    def _metrics(self, text: str) -> Iterator[Event]:
        validation = _VALIDATION.fullmatch(text)
        if validation:
            if validation[2] != " on test set":
                metrics = {"loss": number(validation[3]), "perplexity": number(validation[4])}
                # Megatron does not print how long it took.
                yield Validation(step=int(validation[1]), metrics=metrics, seconds=math.nan)
            return
        found = _STEP.fullmatch(text)
        if found is None:
            raise ValueError("this is not a whole metric line of Megatron")
        step = self._step(int(found[1]), _fields(found[3]))
        if step:
            yield step

    def _step(self, number_: int, fields: dict[str, float]) -> Step | None:
        missing = _ALWAYS - fields.keys()
        if missing:
            raise ValueError(f"the line does not tell {', '.join(sorted(missing))}")
        loss = fields.get("lm loss")
        if loss is None:
            if not fields["number of skipped iterations"]:
                raise ValueError("the line tells no lm loss, though no iteration was skipped")
            return None
        return Step(
            step=number_,
            loss=loss,
            learning_rate=fields["learning rate"],
            grad_norm=fields.get("grad norm"),
            count=int(fields["global batch size"]) * self.args.sequence_length,
            seconds=fields["elapsed time per iteration (ms)"] / 1e3,
            memory_bytes=self._memory,
            printed={"flops": fields[_FLOPS] * 1e12} if _FLOPS in fields else {},
        )


def _fields(text: str) -> dict[str, float]:
    """``consumed samples:   8 | grad norm: 5.763`` by name."""
    fields: dict[str, float] = {}
    for part in text.split(" |"):
        name, colon, value = part.partition(":")
        if not colon or name.strip() in fields:
            raise ValueError(f"{part.strip()!r} is not a field of its own")
        fields[name.strip()] = number(value)
    return fields
