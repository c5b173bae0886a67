"""A rank of the case fsdp whose allocator is watched from the first tensor on; prints its greatest sum in bytes.

Not a trial: a program for one. Bytes are those that PyTorch's allocator for CPUs reports to the profiler.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator

from torch.profiler import ProfilerActivity, profile

from seatrial.cases.fsdp import train
from seatrial.train.worker import Worker


def main() -> None:
    """Train as the case does, and tell when it ends."""
    watching = profile(activities=[ProfilerActivity.CPU], profile_memory=True)
    watching.start()
    begin = train.start

    @contextlib.contextmanager
    def start() -> Iterator[Worker]:
        with begin() as worker:
            end = worker.end

            def tell(*args: object, **named: object) -> None:
                watching.stop()
                events = watching.profiler.kineto_results.events()
                changes = [event.nbytes() for event in events if event.name() == "[memory]"]
                print(f"peak {max(itertools.accumulate(changes))}", flush=True)
                end(*args, **named)

            worker.end = tell
            yield worker

    train.start = start
    train.main()


if __name__ == "__main__":
    main()
