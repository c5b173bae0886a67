"""How fast `seatrial read` is: MB/s of log on one core, and the memory that it takes.

    python benchmarks/read_log.py --megabytes 30

Logs are made here: one as torchtitan's 32 ranks print it with NCCL at level INFO, and the worst that there can be, in
which every line is a step of its own. The time is the whole command's, its start and its report included.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

STEP = (
    "{rank:>2}: [titan] 2025-06-01 00:00:00,000 - root - INFO - step: {step:2d}  loss: {loss:7.4f}  "
    "memory: 68.00GiB(86.00%)  tps: {rate:,}  tflops: 380.00  mfu: 39.00%\n"
)
NOISE = (
    "{rank:>2}: gpu-{rank}:4711:4799 [{rank}] NCCL INFO Channel {step:02d}/0 : {rank}[{rank}] -> 5[5] [send] via "
    "NET/Libfabric/0/GDRDMA/Shared comm 0x55d0c8a0 nRanks 32\n"
)


def of_ranks() -> Iterator[str]:
    """32 ranks, each of which prints every step and a few lines of NCCL's beside it."""
    step = 0
    while True:
        step += 1
        for rank in range(32):
            yield STEP.format(rank=rank, step=step, loss=2 + 10 / (1 + step / 100), rate=6700 + step % 100)
            for _ in range(9):
                yield NOISE.format(rank=rank, step=step)


def of_steps() -> Iterator[str]:
    """One rank, and nothing but steps."""
    step = 0
    while True:
        step += 1
        yield STEP.format(rank=0, step=step, loss=2 + 10 / (1 + step / 100), rate=6700 + step % 100)


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
