"""How fast `seatrial read` is: MB/s of log on one core, and the memory that it takes.

    python benchmarks/read_log.py --megabytes 30

Logs are made here: one as torchtitan's 32 ranks print it with NCCL at level INFO, and the worst that there can be, in
which every line is a step of its own. The time is the whole command's, its start and its report included.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

STEP = (
    "{rank:>2}: [titan] 2025-06-01 {time} - root - INFO - step: {step:2d}  loss: {loss:7.4f}  "
    "memory: 68.00GiB(86.00%)  tps: {rate:,}  tflops: 380.00  mfu: 39.00%\n"
)
NOISE = (
    "Channel {step:02d}/0 : {rank}[{rank}] -> 5[5] [send] via NET/Libfabric/0/GDRDMA/Shared",
    "AllReduce: opCount {step:x} sendbuff 0x{address:x} recvbuff 0x{address:x} count 4194304 datatype 9 op 0 root 0 "
    "comm 0x55d0c8a0 [nranks=32] stream 0x{address:x}",
    "NET/OFI Creating one domain per process, {step} of 32 done",
)
"""What NCCL prints at level INFO: of the second of these hardly two are of one kind."""


def of_ranks() -> Iterator[str]:
    """32 ranks, each of which prints every step and a few lines of NCCL's beside it."""
    chance = random.Random(0)
    for step in count(1):
        for rank in range(32):
            yield a_step(step, rank)
            for at in range(9):
                said = NOISE[at % 3].format(rank=rank, step=step, address=chance.getrandbits(46))
                yield f"{rank:>2}: gpu-{rank}:4711:4799 [{rank % 8}] NCCL INFO {said}\n"


def of_steps() -> Iterator[str]:
    """One rank, and nothing but steps."""
    return (a_step(step, 0) for step in count(1))


def a_step(step: int, rank: int) -> str:
    """A line of torchtitan's."""
    rate = 6700 + step % 100
    time = datetime.fromtimestamp(step * 8192 / 6750, UTC).strftime("%H:%M:%S,%f")[:-3]
    return STEP.format(rank=rank, step=step, loss=2 + 10 / (1 + step / 100), rate=rate, time=time)


KINDS = {"32 ranks, NCCL at INFO": of_ranks, "nothing but steps": of_steps}


def write(path: Path, lines: Iterator[str], size: int) -> None:
    """The first `size` bytes of a log, and the end of its last line."""
    with path.open("w", encoding="utf-8") as file:
        while file.tell() < size:
            for _, line in zip(range(1000), lines, strict=False):
                file.write(line)


def measured(path: Path, runs: Path) -> tuple[float, float]:
    """Seconds of processor time of the command, and MiB of its memory at most."""
    command = [sys.executable, "-m", "seatrial", "read", "torchtitan/llama3-8b", str(path), "--runs-dir", str(runs)]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, stdout=subprocess.DEVNULL, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime, after.ru_maxrss / 1024


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=30)
    size = parser.parse_args().megabytes * 10**6
    print("| log | MB/s | memory, MiB |\n|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for kind, lines in KINDS.items():
            path = Path(folder) / "slurm.out"
            write(path, lines(), size)
            seconds, memory = measured(path, Path(folder) / "runs")
            print(f"| {kind} | {os.path.getsize(path) / 1e6 / seconds:.1f} | {memory:.0f} |")


if __name__ == "__main__":
    main()
