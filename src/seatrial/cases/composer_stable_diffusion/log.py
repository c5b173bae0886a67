"""Composer's log of this case: its blocks of metrics, and the progress bar of the published benchmark."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

from seatrial.cases._composer import log
from seatrial.cases.composer_stable_diffusion import Args
from seatrial.events import Event, Step, Validation
from seatrial.rank.lines import Line


class Reader(log.Reader):
    """Reads what Composer prints; counts are samples."""

    hints = ("MeanSquaredError", "diffusion", "unet", "UNet")

    def __init__(self, args: Args, world_size: int) -> None:
        super().__init__(count=args.global_batch_size)
        self.scaled = args.precision == "amp_fp16"

    def read(self, line: Line) -> Iterator[Event]:
        """See seatrial.rank.lines.Reader."""
        return map(self._told, super().read(line))

    def end(self) -> Iterator[Event]:
        """See seatrial.cases._composer.log.Reader."""
        return map(self._told, super().end())

    def _told(self, event: Event) -> Event:
        if isinstance(event, Validation) and "MeanSquaredError" in event.metrics:
            return replace(event, metrics={"loss": event.metrics["MeanSquaredError"]})
        # A gradient that overflows fp16 is no fault: the step is left out, and the next one is scaled by half.
        if isinstance(event, Step) and self.scaled and not math.isfinite(event.grad_norm or 0.0):
            return replace(event, grad_norm=None)
        return event
