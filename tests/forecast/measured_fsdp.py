"""A rank of the case fsdp whose allocator is watched from the first tensor on; prints its greatest sum in bytes.

Not a test: a program for them. Its model is one that no recipe has, so that there are units of FSDP2 and seconds are
enough. Bytes are those that PyTorch's allocator for CPUs reports to the profiler.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace

from torch.profiler import ProfilerActivity, profile

from seatrial.cases.fsdp import train
from seatrial.models import LLAMA
from seatrial.train.worker import Worker

NAME = "small"
MODEL = replace(
    LLAMA["tiny"], vocab_size=4096, hidden_size=768, intermediate_size=2048, num_layers=3, num_heads=12, num_kv_heads=6
)


def main() -> None:
    """Train as the case does."""
    LLAMA[NAME] = MODEL
    watching = profile(activities=[ProfilerActivity.CPU], profile_memory=True)
    watching.start()
    begin = train.start

    @contextlib.contextmanager
    def start() -> Iterator[Worker]:
        with begin() as worker:
            end = worker.end

            def tell(*args: object, **named: object) -> None:
                watching.stop()
                now, peak = 0, 0
                for event in watching.profiler.kineto_results.events():
                    if event.name() == "[memory]":
                        now += event.nbytes()
                        peak = max(peak, now)
                print(f"peak {peak}", flush=True)
                end(*args, **named)

            worker.end = tell
            yield worker

    train.start = start
    train.main()


if __name__ == "__main__":
    main()
