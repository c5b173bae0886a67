"""Megatron-LM's log as events, of our driver and of pretrain_gpt.py alike. Standard library only."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator

from seatrial.arguments import SequenceArgs
from seatrial.events import Event, Step, Validation
from seatrial.rank import lines
from seatrial.rank.lines import Line, number

_MARK = re.compile(
    r"\biteration +\d+/|validation loss at\b|\| consumed samples:|\| lm loss|\| elapsed time per iteration \("
)
"""Any of these makes a line one of metrics, so that a torn one is missed and not overlooked."""

_STEP = re.compile(  # newer versions begin with the time, GPT-NeoX with the speed
    r"(?:\s*\[[^\]]*\]:?)*[\s:]*(?:samples/sec: (?P<rate>[\d.]+) \| )?"
    r"iteration +(?P<step>\d+)/ *(?P<total>\d+) \|(?P<rest>.+) \|"
)
_VALIDATION = re.compile(
    r" ?validation loss at iteration (\d+)( on (?:validation|test) set)? "
    r"\| lm loss value: (\S+) \| lm loss PPL: (\S+) \|"
)
_MEMORY = re.compile(r"\[Rank \d+\] \(after \d+ iterations\) memory \(MB\).*\| max allocated: ([\d.]+) \|")
_BRIDGE = re.compile(r"\bGPU utilization: ([\d.]+) ?MODEL_TFLOP/s/GPU")
"""Megatron-Bridge says it in a line of its own, before the step's."""
_THROUGH = re.compile(r"\[after training is done\]|\bvalidation loss at iteration +\d+ on (?:validation|test) set\b")
_RANKS = re.compile(r"\busing world size: (\d+),? ")
_RATE = "samples per second"
"""Of Megatron-DeepSpeed."""
_FLOPS = {"throughput per GPU (TFLOP/s/GPU)": 1e12, "TFLOPs": 1e12, "approx flops per GPU": 1.0}
"""There with --log-throughput, of forks always."""
_TIMES = {"elapsed time per iteration (ms)": 1e3, "elapsed time per iteration (s)": 1.0}
"""The field, and how many of it are a second."""
_LOSSES = ("lm loss", "lm_loss", "loss")
_SKIPPED, _NAN = "number of skipped iterations", "number of nan iterations"
_FIELD = re.compile(
    r"\s*(?:(?P<name>[^:|]+):|(?P<old>learning rate|lm loss|loss scale|grad norm)\s)\s*(?P<value>\S+)\s*"
)
"""``lm loss: 9.1``; the first versions wrote no colon."""


class Reader(lines.Reader):
    """Reads Megatron's metric lines: one rank prints them, the last one in pretrain_gpt.py, rank 0 in our driver.

    Megatron leaves out a loss that is no number, and counts the iteration. A line whose steps were all skipped has
    none, too: with a loss scale, which fp16 looks for in that way, it gives no Step; without one its gradients were no
    numbers, and neither is its loss.
    """

    words = ("iteration ", "(after ", "| lm loss", "consumed samples:", "[after training", "MODEL_TFLOP",
             "using world size:")  # fmt: skip
    finish = "[after training is done]"

    def __init__(self, args: SequenceArgs, world_size: int) -> None:
        self.args, self.world_size = args, world_size
        self._last = ""
        self._memory: int | None = None
        self._flops: dict[str, float] = {}

    def read(self, line: Line) -> Iterable[Event]:
        """See seatrial.rank.lines.Reader."""
        text = line.text
        if "(after " in text and (memory := _MEMORY.search(text)):
            self._memory = round(float(memory[1]) * 2**20)  # Megatron's MB are MiB
        if "MODEL_TFLOP" in text and (bridge := _BRIDGE.search(text)) and float(bridge[1]):
            self._flops = {"flops": float(bridge[1]) * 1e12}
        if ("[after " in text or " set" in text) and _THROUGH.search(text):
            self.finished = True
        if "world size" in text and (ranks := _RANKS.search(text)):
            self.ranks = int(ranks[1])
        if text == self._last or not _MARK.search(text):  # a line that every rank prints counts once
            return []
        events = list(self._metrics(text))
        self._last = text
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
        fields = _fields(found["rest"])
        step = self._step(int(found["step"]), fields)
        self.total, self.finished = int(found["total"]), False
        self.form = self.form or _form(fields, stamped=text.lstrip().startswith("["), neox=found["rate"] is not None)
        if step:
            yield step

    def _step(self, number_: int, fields: dict[str, float]) -> Step | None:
        seconds = next((fields[name] / unit for name, unit in _TIMES.items() if name in fields), None)
        missing = [] if seconds is not None else ["elapsed time per iteration"]
        if "consumed samples" in fields or _SKIPPED in fields:
            missing += [name for name in (_SKIPPED, _NAN) if name not in fields]
        elif "learning rate" not in fields or "loss scale" not in fields:  # the first versions told no more than these
            missing += [name for name in ("learning rate", "loss scale", _SKIPPED, _NAN) if name not in fields]
        if seconds is None or missing:
            raise ValueError(f"the line does not tell {', '.join(missing)}")
        loss = next((fields[name] for name in _LOSSES if name in fields), None)
        norm = fields.get("grad norm")
        if _broken(fields, loss, norm):
            loss, norm = math.nan if loss is None else loss, math.nan
        if loss is None:
            if not fields.get(_SKIPPED):
                raise ValueError("the line tells no lm loss, though no iteration was skipped")
            return None
        lines.same(fields.get("global batch size", 0.0), fields.get(_RATE, 0.0), seconds)
        return Step(
            step=number_,
            loss=loss,
            learning_rate=fields.get("learning rate"),
            grad_norm=norm,
            count=int(fields.get("global batch size", self.args.global_batch_size)) * self.args.sequence_length,
            seconds=seconds,
            memory_bytes=self._memory,
            printed=self._flops | dict([("flops", fields[name] * _FLOPS[name]) for name in _FLOPS if name in fields]),
        )


def _broken(fields: dict[str, float], loss: float | None, norm: float | None) -> bool:
    """Whether something in a step was no number: Megatron counts it, leaves its loss out, or skips it."""
    if fields.get(_NAN) or (norm is not None and not math.isfinite(norm)):
        return not (fields.get(_SKIPPED) and fields.get("loss scale", 1.0) > 1.0)
    return bool(fields.get(_SKIPPED)) and fields.get("loss scale", 1.0) <= 1.0


def _form(fields: dict[str, float], *, stamped: bool, neox: bool) -> str:
    """Which versions and forks print such lines; empty where that cannot be told."""
    if neox or "approx flops per GPU" in fields:
        return "GPT-NeoX"
    if "consumed tokens" in fields:
        return "Megatron-DeepSpeed"
    if "consumed samples" not in fields:
        return "Megatron-LM 1, before 2021"
    return "Megatron-LM core 0.6 or newer, or Megatron-Bridge" if stamped else ""


def _fields(text: str) -> dict[str, float]:
    """``consumed samples:   8 | grad norm: 5.763`` by name."""
    fields: dict[str, float] = {}
    for part in text.split(" |"):
        name, colon, value = part.partition(":")
        name, told = name.lstrip(), value.split()
        if not (colon and name and len(told) == 1) or "|" in name:  # not as all but the first versions write it
            found = _FIELD.fullmatch(part)
            name, told = ((found["name"] or found["old"]), [found["value"]]) if found else ("", [])
        if not name or name in fields:
            raise ValueError(f"{part.strip()!r} is not a field of its own")
        fields[name] = _value(told[0])
    return fields


def _value(text: str) -> float:
    """``68.5TFLOPS``, and of ``2701.3/2712.7``, this one's and the mean, as Primus writes it, the first."""
    if text.endswith("TFLOPS"):
        return number(text[:-6]) * 1e12
    return number(text.partition("/")[0].removesuffix("GB"))
