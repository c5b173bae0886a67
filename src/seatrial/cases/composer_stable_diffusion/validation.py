"""Validation on held-out images by Composer's own evaluation loop, with the averaged weights if there are any."""

from __future__ import annotations

import time

from composer import Algorithm, Event, Logger, State

from seatrial.events import Validation
from seatrial.train.worker import Worker

LABEL = "held-out"
"""Composer's name of the data."""


class Tell(Algorithm):  # type: ignore[misc] # Any, where Composer is not installed
    """Makes an event of each validation."""

    def __init__(self, worker: Worker) -> None:
        self.worker = worker
        self.begin = 0.0

    def match(self, event: Event, state: State) -> bool:
        """Around each pass over the held-out images."""
        return event in (Event.EVAL_START, Event.EVAL_END)

    def apply(self, event: Event, state: State, logger: Logger) -> None:
        """Emit the mean squared error of the noise. A collective: the metric is computed over all ranks."""
        if event == Event.EVAL_START:
            self.begin = time.perf_counter()
            return
        loss = state.eval_metrics[LABEL]["MeanSquaredError"].compute()
        seconds = time.perf_counter() - self.begin
        self.worker.emit(Validation(step=state.timestamp.batch.value, metrics={"loss": loss.item()}, seconds=seconds))
