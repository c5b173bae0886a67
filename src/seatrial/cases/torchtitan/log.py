"""torchtitan's log as events. Standard library only."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence

from seatrial.cases.torchtitan import Args
from seatrial.events import Event, Step
from seatrial.rank import lines
from seatrial.rank.lines import Line

_MARK = re.compile(
    r"(?:\b|(?<=\dm))(?:(?:step|loss|grad_norm|tps|tflops|mfu) ?:|wps: *\d)| - INFO - (?:s|st|ste|step)$"
)
"""Any of these makes a line one of metrics, so that a torn one is refused and not overlooked; also after half of the
code of a colour."""

_DECIMAL = r" *(-?\d+\.\d{4,5}|-?nan|-?inf)"
_MEMORY = r"m?memory: *(-?\d+\.\d\dGiB)\(-?\d+\.\d\d%\)"
_TPS = r"(?P<rate>tps|wps): *(\d{1,3}(?:,\d{3})+|\d{1,3})"
# The first versions printed neither grad_norm nor tflops, four decimals, and words in place of tokens; forks leave out
# mfu. Blanks are taken as they come: who pastes a log may lose one of two.
_SAID = " - INFO - "
"""Of torchtitan's logger, before what it was given."""
_FIELDS = (
    rf"step: *([1-9]\d*)(?:/(?P<total>\d+)(?: = [\d.]+%)?)? +loss:{_DECIMAL} +"
    rf"(?:grad_norm:{_DECIMAL} +)?{_MEMORY} +{_TPS}"
    r"(?: +tflops: *([\d,]+\.\d\d))?(?: +mfu: *(\d+\.\d\d|nan|inf)%)?"
)
_STEP = re.compile(_FIELDS)
_LINES = re.compile(rf"^([^\n\r\x1b]*?) - INFO - {_FIELDS}[^\S\n]*$", re.MULTILINE)
"""The same of many lines; without colours and progress bars, which are taken off a line at a time."""
_VALIDATION = re.compile(rf"validate step: *\d+ +loss:{_DECIMAL} +{_MEMORY} +{_TPS}")
"""This case does not validate, but a foreign log may hold such lines; they do not tell how long it took."""
_START = re.compile(r"Training starts at step:? (\d+)")
_TOTAL = re.compile(r"\btotal steps (\d+)")
_MESH = re.compile(r"with parallelism: pp=(\d+), dp_replicate=(\d+), dp_shard=(\d+), cp=(\d+), tp=(\d+)")
_OLD_MESH = re.compile(r"Building \d-D device mesh with \[.*\], \[([\d, ]+)\]")
_DEVICE = re.compile(r"\b[A-Z]+ capacity: (.+) with ([\d.]+)GiB memory")
_SHARE = re.compile(r"(\d+\.\d\d)GiB\((\d+\.\d\d)%\)")
"""What is in use, and how much of all that is; of less than a hundredth two decimals say too little."""
_BATCH = re.compile(r"\bglobal batch size:? (\d+).*\bsequence length:? (\d+)")


class Reader(lines.Reader):
    """Reads torchtitan's metric lines. Every rank prints them: the first of a step counts.

    torchtitan does not print the learning rate. Its ``mfu`` is kept as what it says itself: on a device that it does
    not know it is reckoned against an A100.
    """

    words = ("step:", "tps:", "wps:", "mfu:", "loss:", "Training ", "Trainer is initialized", "device mesh with",
             " capacity: ")  # fmt: skip
    finish = "Training completed"
    guessed = True

    def __init__(self, args: Args, world_size: int) -> None:
        self.args, self.world_size = args, world_size
        self.count = args.global_batch_size * args.sequence_length
        """Tokens of a step: as the log says, or else the arguments."""
        self.last = 0
        """Step of the last line that was read."""
        self.shape: tuple[bool, ...] = ()
        """Which of the fields that not all versions print the first line had."""

    def read(self, line: Line) -> Iterable[Event]:
        """See seatrial.rank.lines.Reader."""
        text = line.text
        found = _STEP.fullmatch(_message(text))
        if found is not None:
            return self._metric(found)
        if "Train" in text or "device mesh" in text or "capacity" in text:
            self._told(text)
        if _MARK.search(text) and not _VALIDATION.fullmatch(_message(text)):
            raise ValueError("this is not a whole metric line of torchtitan")
        return ()

    def many(self, lines: Sequence[str], together: int, apart: int) -> list[tuple[int, Step]] | None:
        """See seatrial.rank.lines.Reader."""
        found = _LINES.findall("\n".join(lines))
        if len(found) != len(lines) or not self.shape:
            return None
        steps: list[tuple[int, Step]] = []
        shape, before, last, total = self.shape, self.last, self.last, self.total
        ranks, until, seconds, group = self.ranks or self.world_size, len(lines) - apart, 0.0, 0
        for at, (head, step, all_steps, loss, norm, memory, name, tps, tflops, mfu) in enumerate(found):
            number, told, rate = int(step), float(loss), float(tps.replace(",", ""))
            if shape != (name == "wps", norm != "", tflops != "", mfu != "") or told < 0 or not rate or _SAID in head:
                return None
            if number <= last:
                continue
            seconds += (number - last) / rate  # of an accelerator, for a token of each step
            last, group = number, group + 1
            total = int(all_steps) if all_steps else total
            if group < together and at < until and math.isfinite(told) and (not norm or math.isfinite(float(norm))):
                continue
            mean = rate if group == 1 else (last - before) / seconds
            steps.append((at, _step(last, told, norm, memory, tflops, mfu, self.count, mean * ranks)))
            before, seconds, group = last, 0.0, 0
        if group:
            return None
        if steps:
            self.last, self.total, self.finished = last, total, False
        return steps

    def _told(self, text: str) -> None:
        """What the log says of the run: its device and size, where it starts, that it is through."""
        if text.endswith(self.finish):
            self.finished = True
        if mesh := _MESH.search(text) or _OLD_MESH.search(text):
            self.ranks = math.prod(int(degree) for group in mesh.groups() for degree in group.split(","))
        if start := _START.search(text):
            self.last = self.begun = int(start[1]) - 1  # again, after a restart
        if start or "Trainer is initialized" in text:
            total, batch = _TOTAL.search(text), _BATCH.search(text)
            self.total = int(total[1]) if total else self.total
            if batch:
                self.count, self.guessed = int(batch[1]) * int(batch[2]), False
        if device := _DEVICE.search(text):
            self.device, self.device_bytes = device[1], round(float(device[2]) * 2**30)

    def _metric(self, found: re.Match[str]) -> tuple[Step, ...]:
        step, total, loss, grad_norm, memory, name, tps, tflops, mfu = found.groups()
        shape = (name == "wps", grad_norm is not None, tflops is not None, mfu is not None)
        if self.shape != shape:
            if self.shape:
                raise ValueError("it lacks what the lines before it tell")
            self.form = _form(*shape)
            if (share := _SHARE.search(found[0])) and float(share[2]) >= 1 and self.device_bytes is None:
                self.device_bytes = round(float(share[1]) * 2**30 / float(share[2]) * 100)
        number, told, rate = int(step), float(loss), float(tps.replace(",", ""))
        if told < 0:
            raise ValueError("a negative loss is that of a pipeline stage which has none: log the last stage's ranks")
        if not rate:
            raise ValueError("0 tokens per second: less than half a token, so its time is unknown")
        self.shape = shape
        if number <= self.last:
            return ()
        self.last, self.finished = number, False
        if total is not None:
            self.total = int(total)
        rate *= self.ranks or self.world_size
        return (_step(number, told, grad_norm, memory, tflops, mfu, self.count, rate),)


def _step(
    step: int,
    loss: float,
    norm: str | None,
    memory: str,
    tflops: str | None,
    mfu: str | None,
    count: int,
    rate: float,
) -> Step:
    """`rate`: tokens per second of all ranks. The log tells that of an accelerator, as a whole number."""
    printed = {"mfu": float(mfu) / 100} if mfu else {}
    if tflops:
        printed["flops"] = float(tflops.replace(",", "")) * 1e12
    return Step(
        step=step,
        loss=loss,
        grad_norm=float(norm) if norm else None,
        count=count,
        seconds=count / rate,
        # A device that cannot tell prints less than nothing.
        memory_bytes=None if memory.startswith("-") else round(float(memory[:-3]) * 2**30),
        printed=printed,
    )


def _message(text: str) -> str:
    """What torchtitan's logger was given."""
    return text.partition(_SAID)[2] or text


def _form(words: bool, grad_norm: bool, tflops: bool, mfu: bool) -> str:
    """Which versions print such lines; empty for today's."""
    if not mfu:
        return "torchtitan, a fork or an experiment that prints no mfu"
    if words:
        return "torchtitan of 2024, before 0.1: wps"
    return "" if tflops and grad_norm else "torchtitan of 2025, about 0.1: without tflops or grad_norm"
