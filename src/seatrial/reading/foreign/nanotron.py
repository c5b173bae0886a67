"""nanotron's line of an iteration.

    08/31/2024 14:37:31 [INFO|DP=0|PP=0|TP=0]: iteration: 1 / 15 | consumed_tokens: 512 | elapsed_time_per_iteration_ms:
    4.71K | tokens_per_sec: 109 | tokens_per_sec_per_gpu: 109 | global_batch_size: 2 | lm_loss: 5.32 | lr: 0.00015 | …

(one line). Its numbers have three digits.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from seatrial.events import Event, Step
from seatrial.rank import lines
from seatrial.rank.lines import Line, number
from seatrial.reading.foreign import Args

_BEGIN = re.compile(r"\biteration: (?P<step>\d+) / (?P<total>\d+) \| (?P<rest>.+)")
_NEEDED = {"elapsed_time_per_iteration_ms", "tokens_per_sec", "lm_loss", "grad_norm"}


class Reader(lines.Reader):
    """Makes a Step of each line; the tokens of a step are those of its time at its rate."""

    words = ("iteration: ",)

    def __init__(self, args: Args, world_size: int) -> None:
        self._names: set[str] = set()
        """Fields of the first line: a later one with fewer is torn."""

    def read(self, line: Line) -> Iterator[Event]:
        """See seatrial.rank.lines.Reader."""
        found = _BEGIN.search(line.text)
        if found is None:
            return
        fields = dict(part.split(": ", 1) for part in found["rest"].split(" | ") if ": " in part)
        missing = (_NEEDED | self._names) - fields.keys()
        if missing:
            raise ValueError(f"the line does not tell {', '.join(sorted(missing))}")
        seconds, rate = number(fields["elapsed_time_per_iteration_ms"]) / 1e3, number(fields["tokens_per_sec"])
        step = Step(
            step=int(found["step"]),
            loss=number(fields["lm_loss"]),
            learning_rate=number(fields["lr"]) if "lr" in fields else None,
            grad_norm=number(fields["grad_norm"]),
            count=round(rate * seconds),
            seconds=seconds,
            printed={"flops": number(fields["model_tflops_per_gpu"]) * 1e12}
            if "model_tflops_per_gpu" in fields
            else {},
        )
        self.total, self._names = int(found["total"]), self._names or fields.keys() - {"hd_total_memory_tb"}
        yield step
