"""picotron's log, and that of our engine, which prints the same line with a few fields more. Standard library only.

    [rank 2] Step: 3     | Loss: 10.4375 | Global batch size:   2.05K | Tokens/s:  10.61K | Tokens/s/GPU:   1.33K |
    Tokens:   6.14K | MFU:  0.43% | Memory usage:   1.75GB

(one line). Numbers are rounded to three or four digits: our engine adds ``Step time``, the exact seconds. Neither of
them prints anything when it is through (train.py, read 2026-11): only a launcher tells.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable

from seatrial.cases.picotron import Args
from seatrial.events import Step
from seatrial.rank import lines
from seatrial.rank.lines import Line, number, size

_BEGIN = re.compile(r"(?P<mark>\[rank (?P<rank>\d+)\] )Step:")
_BATCH = "Global batch size (with seq_len)"
"""How the first versions called it; they wrote commas in place of bars."""
_NEEDED = ("Step", "Loss", "Global batch size", "Tokens/s", "Memory usage")


class Reader(lines.Reader):
    """Makes a Step of each metric line."""

    words = ("Step:",)

    def __init__(self, args: Args, world_size: int) -> None:
        self.tokens = args.global_batch_size * args.sequence_length
        self.learning_rate = args.learning_rate
        self.printer: int | None = None
        """Rank whose lines count: the first that printed one."""
        self.measured: dict[str, list[float]] = {}
        """`Step.ranks` of the next line, of an engine in the same process."""

    def read(self, line: Line) -> Iterable[Step]:
        """See seatrial.rank.lines.Reader."""
        begin = _BEGIN.search(line.text)
        if begin is None:
            return
        fields = _fields(line.text[begin.end("mark") :])  # a progress bar may stand before it
        step = self._step(fields)
        rank = int(begin["rank"])
        if self.printer is None:
            self.printer = rank
        if rank == self.printer:
            self.total = _total(fields.get("Tokens", ""), step.count)
            yield step

    def _step(self, fields: dict[str, str]) -> Step:
        count = self._count(number(fields["Global batch size"]))
        exact = fields.get("Step time")
        if exact is not None:
            lines.same(count, number(fields["Tokens/s"]), _seconds(exact))
        rate, norm, mfu = fields.get("Learning rate"), fields.get("Grad norm"), fields.get("MFU", "")
        return Step(
            step=int(fields["Step"]),
            loss=number(fields["Loss"]),
            learning_rate=number(rate) if rate is not None else self.learning_rate,
            grad_norm=number(norm) if norm is not None else None,
            count=count,
            seconds=_seconds(exact) if exact is not None else count / number(fields["Tokens/s"]),
            memory_bytes=size(fields["Memory usage"]),
            ranks=self.measured,
            printed={"mfu": number(mfu[:-1]) / 100} if mfu.endswith("%") else {},
        )

    def _count(self, printed: float) -> int:
        """The exact number of tokens, which is printed with three digits; as printed if it is of another job."""
        return self.tokens if abs(self.tokens - printed) <= 0.005 * printed else round(printed)


def _fields(text: str) -> dict[str, str]:
    """Name -> value. Raises ValueError if one is missing, given twice, or cut off."""
    fields: dict[str, str] = {}
    for part in text.split(" | " if " | " in text else ", "):
        name, separator, value = part.partition(":")
        if not separator or name.strip() in fields:
            raise ValueError(f"{part.strip()!r} is not a field of a metric line")
        fields[name.strip()] = value.strip()
    if _BATCH in fields:
        fields["Global batch size"] = fields.pop(_BATCH)
    missing = [name for name in _NEEDED if not fields.get(name)]
    if missing:
        raise ValueError(f"a metric line without {', '.join(missing)}")
    return fields


def _total(tokens: str, count: int) -> int | None:
    """Steps of a run whose tokens are limited, ``2.05K/614.40K``; None if they are not, or are told too roughly."""
    _, slash, limit = tokens.partition("/")
    if not slash or not count:
        return None
    # Two decimals of K, M, B: off by half of the last one at most.
    unit = number(f"1{limit[-1]}") if limit[-1:].isalpha() else 1.0
    return math.ceil(round(number(limit) / count, 2)) if 0.005 * unit < 0.01 * count else None


def _seconds(text: str) -> float:
    if not text.endswith("s"):
        raise ValueError(f"{text!r} is not a time in seconds")
    return number(text[:-1])


def readable(value: float) -> str:
    """A number as picotron writes it: ``2.05K``."""
    for unit, name in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "K")):
        if value >= unit:
            return f"{value / unit:.2f}{name}"
    return f"{value:.2f}"


def metric_line(
    *,
    rank: int,
    step: int,
    loss: float,
    grad_norm: float,
    learning_rate: float,
    tokens: int,
    all_tokens: int,
    seconds: float,
    world_size: int,
    mfu: float | None,
    memory_bytes: int,
) -> str:
    """A step as our engine prints it. Its last field is the one that shows a line that was cut off."""
    speed = tokens / seconds
    return (
        f"[rank {rank}] Step: {step:<5d} | Loss: {loss:.10f} | Grad norm: {grad_norm:.10g} | "
        f"Learning rate: {learning_rate:g} | Global batch size: {readable(tokens):>7s} | "
        f"Tokens/s: {readable(speed):>7s} | Tokens/s/GPU: {readable(speed / world_size):>7s} | "
        f"Tokens: {readable(all_tokens):>7s} | MFU: {'n/a' if mfu is None else f'{mfu:5.2%}'} | "
        f"Step time: {seconds:.9f}s | Memory usage: {memory_bytes / 1e9:6.2f}GB"
    )
