"""DeepSpeed's lines of a step: of its pipelines, and of its timer, beside which the program prints its own loss.

    steps: 100 loss: 0.0585 iter time (s): 0.186 samples/sec: 53.694

    [2023-08-02 00:41:17,936] [INFO] [timer.py:215:stop] epoch=0/micro_step=10/global_step=10, RunningAvgSamplesPerSec=
    220.6, CurrSamplesPerSec=222.8, MemAllocated=0.07GB, MaxMemAllocated=1.36GB
    [Rank 0] Loss: 10.8766

(the timer's is one line). It tells neither how many steps were asked for nor that it is through: its launcher tells.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from seatrial.events import Event, Step
from seatrial.rank import lines
from seatrial.rank.lines import Line, number
from seatrial.reading.foreign import Args

_PIPELINE = re.compile(
    r"\bsteps: (\d+) loss: (\S+)(?: \w+ loss: \S+)* iter time \(s\): ([\d.]+)(?: samples/sec: ([\d.]+))?(?=\s|$)"
)
_TIMER = re.compile(
    r"(?:global_step=|\d+/)(?P<step>\d+), RunningAvgSamplesPerSec=[\d.]+, CurrSamplesPerSec=(?P<rate>[\d.]+), "
    r"MemAllocated=[\d.]+GB, MaxMemAllocated=(?P<memory>[\d.]+)GB"
)
_LOSS = re.compile(r"(?:^|[\s\]|,])(?:lm |train(?:ing)?[ _])?[Ll]oss *[:=] *(?P<loss>[-+\d.eE]+|nan|inf)\b")


class Reader(lines.Reader):
    """Makes a Step of a pipeline's line, or of the timer's and the next loss."""

    words = ("iter time (s):", "SamplesPerSec=", "oss")

    def __init__(self, args: Args, world_size: int) -> None:
        self._count = args.global_batch_size * args.sequence_length
        self._timer: re.Match[str] | None = None

    def read(self, line: Line) -> Iterator[Event]:
        """See seatrial.rank.lines.Reader."""
        text = line.text
        if found := _PIPELINE.search(text):
            seconds = float(found[3])
            count = round(float(found[4]) * seconds) if found[4] else self._count
            yield Step(step=int(found[1]), loss=number(found[2]), count=max(count, 1), seconds=seconds)
        elif "iter time (s):" in text and "steps: " in text:
            raise ValueError("this is not a whole line of DeepSpeed's pipeline")
        elif found := _TIMER.search(text):
            self._timer = found
        elif "SamplesPerSec=" in text:
            raise ValueError("this is not a whole line of DeepSpeed's timer")
        elif self._timer is not None and (told := _LOSS.search(text)):
            timer, self._timer = self._timer, None
            rate, self.guessed = float(timer["rate"]), True
            yield Step(
                step=int(timer["step"]),
                loss=number(told["loss"]),
                count=self._count,
                seconds=self._count / rate if rate else 0.0,
                memory_bytes=round(float(timer["memory"]) * 2**30),
            )
