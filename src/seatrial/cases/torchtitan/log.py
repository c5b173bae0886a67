"""torchtitan's log as events. Standard library only."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from seatrial.cases.torchtitan import Args
from seatrial.events import Event, Step
from seatrial.rank import lines
from seatrial.rank.lines import Line, number, size

_MARK = re.compile(r"(?:\b|(?<=\dm))(?:step|loss|grad_norm|tps|tflops|mfu) ?:| - INFO - (?:s|st|ste|step)$")
"""Any of these makes a line one of metrics, so that a torn one is refused and not overlooked; also after half of the
code of a colour."""

_DECIMAL = r" *(-?\d+\.\d{4,5}|-?nan|-?inf)"
_MEMORY = r"memory: *(-?\d+\.\d\dGiB)\(-?\d+\.\d\d%\)"
_TPS = r"tps: (\d{1,3}(?:,\d{3})*)"
# Versions before 0.1 printed neither grad_norm nor tflops, and four decimals.
_STEP = re.compile(
    rf"step: *([1-9]\d*)  loss:{_DECIMAL}  (?:grad_norm:{_DECIMAL}  )?{_MEMORY}  {_TPS}"
    r"(?:  tflops: ([\d,]+\.\d\d))?  mfu: (\d+\.\d\d|nan|inf)%"
)
_VALIDATION = re.compile(rf"validate step: *\d+  loss:{_DECIMAL}  {_MEMORY}  {_TPS}")
"""This case does not validate, but a foreign log may hold such lines; they do not tell how long it took."""
_START = re.compile(r"Training starts at step (\d+)")


class Reader(lines.Reader):
    """Reads torchtitan's metric lines. Every rank prints them: the first of a step counts.

    torchtitan does not print the learning rate. Its ``mfu`` is kept as what it says itself: on a device that it does
    not know it is reckoned against an A100.
    """

    def __init__(self, args: Args, world_size: int) -> None:
        self.args, self.world_size = args, world_size
        self.last = 0
        """Step of the last line that was read."""

    def read(self, line: Line) -> Iterable[Event]:
        """See seatrial.rank.lines.Reader."""
        start = _START.search(line.text)
        if start:
            self.last = int(start[1]) - 1  # again, after a restart
        return list(self._metrics(line.text)) if _MARK.search(line.text) else []

    def _metrics(self, text: str) -> Iterator[Event]:
        message = text[text.find(" - INFO - ") + len(" - INFO - ") :] if " - INFO - " in text else text
        if _VALIDATION.fullmatch(message):
            return
        found = _STEP.fullmatch(message)
        if found is None:
            raise ValueError("this is not a whole metric line of torchtitan")
        step = self._step(*found.groups())
        if step.step > self.last:
            self.last = step.step
            yield step

    def _step(
        self, step: str, loss: str, grad_norm: str | None, memory: str, tps: str, tflops: str | None, mfu: str
    ) -> Step:
        if number(loss) < 0:
            raise ValueError("a negative loss is that of a pipeline stage which has none: log the last stage's ranks")
        count = self.args.global_batch_size * self.args.sequence_length
        rate = number(tps) * self.world_size  # printed per accelerator, and as a whole number
        if not rate:
            raise ValueError("0 tokens per second: less than half a token, so its time is unknown")
        return Step(
            step=int(step),
            loss=number(loss),
            grad_norm=None if grad_norm is None else number(grad_norm),
            count=count,
            seconds=count / rate,
            memory_bytes=size(memory) if not memory.startswith("-") else None,  # a device that cannot tell
            printed={"mfu": number(mfu) / 100} | ({} if tflops is None else {"flops": number(tflops) * 1e12}),
        )
