"""Composer's log: the blocks of its console logger, and its progress bar."""

from __future__ import annotations

import re
from collections.abc import Iterator

from seatrial.events import Event, Step, Validation
from seatrial.rank import lines
from seatrial.rank.lines import Line, number

_HEADER = re.compile(r"\[(?:epoch=\d+\]\[)?(?P<unit>[a-z]+)=(?P<count>\d+)(?:/(?P<all>\d+))?\]:?")
_EVALUATION = re.compile(r"\[Eval batch=\d+/\d+\] Eval on .* data:?")
_OLD = re.compile(r"(?P<header>\[(?:epoch=\d+\]\[)?batch=\d+/\d+\]:) (?P<name>[\w/.-]+): (?P<value>.+)")
_BEGINNING = re.compile(r"\[(?:Eval |epoch=|iteration=|batch=|sample=|token=)")
_INDENTED = re.compile(r"[\t ]+(?:Train|Eval) \S")
"""Composer prints a tab and a blank; who pastes a log, and what shows one, makes blanks of the tab."""
_METRIC = re.compile(r"[\t ]+(?P<kind>Train|Eval) (?P<name>.+?): (?P<value>.+)")
_BAR = re.compile(
    r"train +(?:Epoch +(?P<epoch>\d+): +)?\d+%\|[^|]*\| *(?P<batch>\d+)/(?P<batches>\d+) "
    r"\[[\d:]+<[\d:?]+, +(?P<rate>\?|[\d.]+)(?P<unit>s/ba|ba/s)(?:, (?P<metrics>.*))?\]"
)
_MEMORY = ("peak_allocated_mem", "peak_reserved_mem", "peak_resident_mem", "allocated_mem")
"""Of Composer's MemoryMonitor, and ours where there is no GPU, in units of 1e9 bytes."""
_EVALUATED = {"LanguageCrossEntropy": "loss", "CrossEntropy": "loss", "LanguagePerplexity": "perplexity"}
"""Composer's metric -> how it is called here; others keep their names."""


class Reader(lines.Reader):
    """Reads what Composer prints.

    Where every rank prints its blocks, the first rank that is seen is read; losses are means over all ranks. A block is
    complete when the next one begins, or a blank line ends it, which only the cases here print. So whoever reads
    another's log asks for `end` after its last line. Composer says nothing when it is through, LLM Foundry ``Done.``
    (llmfoundry/command_utils/train.py, read 2026-11).
    """

    words = ("Train ", "Eval ", "train ", "[batch=", "[epoch=", "[iteration=", "[sample=", "[token=", ": Done.")

    def __init__(self, count: int) -> None:
        self.count = count
        """Tokens or samples of a step."""
        self.rank: int | None = None
        self.header: str | None = None
        """First line of the block that is being read."""
        self.metrics: dict[str, str] = {}
        self.step = 0
        """The newest step that was yielded."""
        self.hours = 0.0
        """Time of training at that step."""
        self.bar = (-1, "")
        """Batches and loss of the last progress bar."""

    def read(self, line: Line) -> Iterator[Event]:
        """See seatrial.rank.lines.Reader."""
        text = line.text
        begins = _BEGINNING.match(text) is not None
        inside = text.startswith("\t ") or _INDENTED.match(text) is not None
        if self.rank is None and (begins or inside):
            self.rank = line.rank
        if line.rank == self.rank and begins:
            yield from self._header(text)
        elif line.rank == self.rank and inside:
            yield from self._metric(text)
        elif not text and line.rank == self.rank:
            yield from self.end()
        elif text.startswith("train ") and "%|" in text:
            yield from self._bar(text)
        elif text.endswith(": Done."):
            yield from self.end()
            self.finished = True

    def _header(self, text: str) -> Iterator[Event]:
        """The first line of a block; before 0.11 it stood before each of its metrics."""
        old = _OLD.fullmatch(text)
        header = old["header"] if old else text
        if header != self.header:  # else another rank's, on a log without labels
            yield from self.end()
            if not (_HEADER.fullmatch(header) or _EVALUATION.fullmatch(header)):
                raise ValueError("the first line of a block is torn")
            self.header = header
            self._plan(header)
        if old:
            self.metrics[old["name"]] = old["value"]

    def _plan(self, header: str) -> None:
        """What the first line of a block tells of the whole run."""
        found = _HEADER.fullmatch(header)
        if found is not None and found["unit"] == "batch" and found["all"] and not header.startswith("[epoch="):
            self.total = int(found["all"])

    def end(self) -> Iterator[Event]:
        """The event of the block that is being read: nothing more belongs to it."""
        header, metrics = self.header, self.metrics
        self.header, self.metrics = None, {}
        if header is None or not (metrics or header.endswith(":")):
            return
        if header.startswith("[Eval"):
            yield self._validation(metrics)
            return
        step = _step(header, metrics)
        if step != self.step:
            yield self._step(step, metrics)

    def _metric(self, text: str) -> Iterator[Event]:
        found = _METRIC.fullmatch(text)
        if found is None:
            raise ValueError("a metric line is torn")
        name, value = found["name"], found["value"]
        again = name == "time/batch" and self.metrics.get(name, value) != value  # each block begins with it
        if self.header is not None and (again or (found["kind"] == "Eval") != self.header.startswith("[Eval")):
            yield from self.end()
        if self.header is None:
            if text[0] == " " and "/" not in name:  # a print of another's
                return
            raise ValueError("a metric line stands outside a block")
        self.metrics[name] = value

    def _step(self, step: int, metrics: dict[str, str]) -> Step:
        loss = metrics.get("loss/train/total", metrics.get("loss/train"))
        if loss is None:
            raise ValueError(f"the block of step {step} has no loss")
        rates = [number(value) for name, value in metrics.items() if name.startswith("lr-")]
        memory = next((metrics[f"memory/{name}"] for name in _MEMORY if f"memory/{name}" in metrics), None)
        norm = metrics.get("l2_norm/grad/global")
        event = Step(
            step=step,
            loss=number(loss),
            learning_rate=rates[0] if rates else None,
            grad_norm=None if norm is None else number(norm),
            count=self.count,
            seconds=self._seconds(step, metrics),
            memory_bytes=None if memory is None else round(number(memory) * 1e9),
        )
        self.step, self.hours, self.finished = step, number(metrics.get("time/train", "0")), False
        return event

    def _seconds(self, step: int, metrics: dict[str, str]) -> float:
        """Of one step; 0 if the log does not tell."""
        if "time/seconds_per_batch" in metrics:
            return number(metrics["time/seconds_per_batch"])
        if "throughput/batches_per_sec" in metrics:
            return _inverse(number(metrics["throughput/batches_per_sec"]))
        if self.step < step and "time/train" in metrics:  # SpeedMonitor's clock, in hours unless it was told otherwise
            return (number(metrics["time/train"]) - self.hours) * 3600 / (step - self.step)
        return 0.0

    def _validation(self, metrics: dict[str, str]) -> Validation:
        names = {name: name.rpartition("/")[2] for name in metrics if name.startswith("metrics/")}
        values = {_EVALUATED.get(short, short): number(metrics[name]) for name, short in names.items()}
        return Validation(step=self.step, metrics=values, seconds=0.0)  # the log does not tell

    def _bar(self, text: str) -> Iterator[Event]:
        found = _BAR.fullmatch(text)
        if found is None:
            raise ValueError("a progress bar is torn")
        metrics = dict(part.split("=", 1) for part in (found["metrics"] or "").split(", ") if "=" in part)
        loss = metrics.get("loss/train/total")
        if loss is None:
            return
        if found["epoch"] is None:
            self.total = int(found["batches"])
        count = int(found["epoch"] or 0) * int(found["batches"]) + int(found["batch"])
        # A loss is drawn when it is known, just before its step is counted. What follows a gap is taken as it stands.
        before, shown = self.bar
        early = loss != shown and (count == 0 or 0 <= count - before <= 1)
        step = count + 1 if early else count
        self.bar = (count, loss)
        if step != self.step and (early or count > self.step):
            self.step, self.finished = step, False
            rate = 0.0 if found["rate"] == "?" else float(found["rate"])
            seconds = rate if found["unit"] == "s/ba" else _inverse(rate)
            yield Step(step=step, loss=number(loss), count=self.count, seconds=seconds)


def _inverse(rate: float) -> float:
    return 1 / rate if rate else 0.0


def _step(header: str, metrics: dict[str, str]) -> int:
    """The step of a block: its first line counts batches, within an epoch or in all, or something else."""
    found = _HEADER.fullmatch(header)
    assert found is not None  # `read` looked
    if found["unit"] == "batch" and not header.startswith("[epoch="):
        return int(found["count"])
    if "trainer/global_step" in metrics:
        return int(number(metrics["trainer/global_step"]))
    if "time/batch" not in metrics:
        raise ValueError("a block does not tell its step")
    begun = int(number(metrics["time/batch"]))  # batches before this one, but all of them in the last block of a log
    if found["unit"] == "batch" and "time/batch_in_epoch" in metrics:
        return begun + int(found["count"]) - int(number(metrics["time/batch_in_epoch"]))
    return begun + 1
