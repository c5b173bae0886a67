"""nanotron's line of an iteration.

    08/31/2024 14:37:31 [INFO|DP=0|PP=0|TP=0]: iteration: 1 / 15 | consumed_tokens: 512 | elapsed_time_per_iteration_ms:
    4.71K | tokens_per_sec: 109 | tokens_per_sec_per_gpu: 109 | global_batch_size: 2 | lm_loss: 5.32 | lr: 0.00015 | …

(one line). Its numbers have three digits. Since 2025 it says ``time_per_iteration_ms``, and ends with ``eta``; without
clipping it tells no norm. It prints nothing when it is through (trainer.py, read 2026-11): only a launcher tells.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from seatrial.events import Event, Step
from seatrial.rank import lines
from seatrial.rank.lines import Line, number
from seatrial.reading.foreign import Args

_BEGIN = re.compile(r"\biteration: (?P<step>\d+) / (?P<total>\d+) \| (?P<rest>.+)")
_TIMES = ("elapsed_time_per_iteration_ms", "time_per_iteration_ms")
_LAST = ("hardware_tflops_per_gpu", "eta")
"""Behind all that is read here but the norm, so that a line which is cut off is seen."""
_NEEDED = {"tokens_per_sec", "lm_loss"}


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
        missing |= {names[0] for names in (_TIMES, _LAST) if not any(name in fields for name in names)}
        if missing:
            raise ValueError(f"the line does not tell {', '.join(sorted(missing))}")
        seconds = number(next(fields[name] for name in _TIMES if name in fields)) / 1e3
        rate = number(fields["tokens_per_sec"])
        if _TIMES[1] in fields:  # before, the batch was counted in sequences
            lines.same(number(fields.get("global_batch_size", "0")), rate, seconds)
        step = Step(
            step=int(found["step"]),
            loss=number(fields["lm_loss"]),
            learning_rate=number(fields["lr"]) if "lr" in fields else None,
            grad_norm=number(fields["grad_norm"]) if "grad_norm" in fields else None,
            count=round(rate * seconds),
            seconds=seconds,
            printed={"flops": number(fields["model_tflops_per_gpu"]) * 1e12}
            if "model_tflops_per_gpu" in fields
            else {},
        )
        self.total, self._names = int(found["total"]), self._names or fields.keys() - {"hd_total_memory_tb"}
        yield step
