"""The logs of neuronx_distributed's two examples as events. Standard library only.

    step 1 step_time 244.7s throughput 3.93 seq/s loss 13.41 grad norm 1.97
    LOG Thu Jan  2 10:11:12 2025 - (0, 10) step_loss : 11.7523 learning_rate : 1.50e-05 throughput : 3.92 seq/s \
grad-norm : 1.23

The first is printed with pipelines (tp_pp_llama_hf_pretrain) and counts steps from 0, the second without
(tp_zero1_llama_hf_pretrain) and counts from 1. Both print their arguments before the first step, and behind the last
one the metrics that they store, ``Final loss`` first (examples/training/llama, read 2026-11). The throughput is a mean
over the last ten steps, waits included; ``step_time`` leaves the wait for data out. Our own program writes its events
itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from seatrial.cases.neuronx_distributed import Args
from seatrial.events import Event, Step
from seatrial.rank import lines
from seatrial.rank.lines import Line, number

_MARK = re.compile(
    r"\bstep \d+ step_time\b|\bLOG \w{3} \w{3} .* - \(\d+, ?\d+\)|\bstep_loss :|\bEpoch \d+ step \d+ end\b"
)
"""Any of these makes a line one of metrics, so that a torn one is missed and not overlooked."""

_PIPELINED = re.compile(r"step (\d+) step_time \S+s throughput (\S+) seq/s loss (\S+) grad norm (\S+)")
_PLAIN = re.compile(
    r"LOG [^()]+ - \(\d+, ?(\d+)\) step_loss : (\S+) learning_rate : (\S+) throughput : (\S+)"
    r"(?: seq/s)?(?: ?grad-norm : (\S+)|(?<=seq/s))"
)
_ARGUMENTS = re.compile(r"^Namespace\(.*\bmax_steps=(?P<max>\d+)")
_THIS_RUN = re.compile(r"\bsteps_this_run=(\d+)")
"""Where it is there, it is what the run ends at."""
_EPOCH = re.compile(r"Epoch \d+ step \d+ end .+ loss \S+ perf \S+ seq/sec \(at train microstep .+ beginning time \S+\)")
"""The last step once more, in other words."""


class Reader(lines.Reader):
    """Makes a Step of each metric line. The tokens of a step are those of the arguments: the log does not tell them."""

    words = ("step_time", "step_loss", "LOG ", " end ", "Namespace(", "'Final loss'")
    finish = "'MetricName': 'Final loss'"
    guessed = True

    def __init__(self, args: Args, world_size: int) -> None:
        self.args, self.world_size = args, world_size

    def read(self, line: Line) -> Iterable[Event]:
        """See seatrial.rank.lines.Reader."""
        mark = _MARK.search(line.text)
        if mark is None:
            self._told(line.text)
            return []
        text = line.text[mark.start() :]
        if found := _PIPELINED.fullmatch(text):
            return [self._step(int(found[1]) + 1, found[3], found[2], None, found[4])]
        if found := _PLAIN.fullmatch(text):
            return [self._step(int(found[1]), found[2], found[4], found[3], found[5])]
        if _EPOCH.fullmatch(text):
            return []
        raise ValueError("this is not a whole metric line of neuronx_distributed's examples")

    def _told(self, text: str) -> None:
        if self.finish in text:
            self.finished = True
        if asked := _ARGUMENTS.search(text):
            self.total = int((_THIS_RUN.search(text) or asked)[1])

    def _step(self, step: int, loss: str, throughput: str, rate: str | None, norm: str | None) -> Step:
        sequences = number(throughput)
        if not sequences > 0:
            raise ValueError(f"a throughput of {throughput} is none")
        self.finished = False
        return Step(
            step=step,
            loss=number(loss),
            learning_rate=number(rate) if rate is not None else None,
            grad_norm=number(norm) if norm not in (None, "None") else None,
            count=self.args.global_batch_size * self.args.sequence_length,
            seconds=self.args.global_batch_size / sequences,
        )
