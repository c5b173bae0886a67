"""The log of a run of this case."""

from __future__ import annotations

from seatrial.cases._composer import log
from seatrial.cases.composer_mpt import Args


class Reader(log.Reader):
    """Composer's blocks and progress bar, counted in tokens."""

    finish = "Done."

    def __init__(self, args: Args, world_size: int) -> None:
        del world_size  # the batch is that of all ranks
        super().__init__(args.global_batch_size * args.sequence_length)
