#!/usr/bin/env python3
"""A stand-in for a program of nccl-tests that was built with MPI=1. FAKE: it measures nothing, and needs no GPU.

Its MPI is real: it finds the other ranks as the real one does, and gathers their hosts. What it prints is made after
the layout of nccl-tests 2.19: a healthy all-reduce of as many ranks as its MPI world has. The name that it is called by
says which fault it has: all_reduce_perf none, broadcast_perf wrong elements, reduce_perf a rank that dies.
"""

import ctypes
import os
import sys
import time
from pathlib import Path

if "-h" in sys.argv:
    print("USAGE: fake_perf [-b minbytes] [-J,--output_file write output to filepath]")
    sys.exit(0)

told = dict(zip(sys.argv[1::2], sys.argv[2::2], strict=True))
fault = Path(sys.argv[0]).name.removesuffix("_perf")  # all_reduce: none
low, high, factor = int(told["-b"]), int(told["-e"]), int(told["-f"])

mpi = ctypes.CDLL("libmpi.so.40", mode=ctypes.RTLD_GLOBAL)  # Open MPI 4
world = ctypes.byref(ctypes.c_char.in_dll(mpi, "ompi_mpi_comm_world"))
char = ctypes.byref(ctypes.c_char.in_dll(mpi, "ompi_mpi_char"))
rank, ranks = ctypes.c_int(), ctypes.c_int()
mpi.MPI_Init(None, None)
mpi.MPI_Comm_rank(world, ctypes.byref(rank))
mpi.MPI_Comm_size(world, ctypes.byref(ranks))
number, count = rank.value, ranks.value

if fault == "reduce" and number == 1:
    print(f"{os.uname().nodename}: Test NCCL failure common.cu:958 'unhandled cuda error'", flush=True)
    os._exit(1)  # without MPI_Finalize, while the others wait for it

width = 128
mine = ctypes.create_string_buffer(
    f"Pid {os.getpid():6} on {os.uname().nodename} device {number % 8:2}".encode(), width
)
everybody = ctypes.create_string_buffer(width * count)
mpi.MPI_Gather(mine, width, char, everybody, width, char, 0, world)
mpi.MPI_Barrier(world)

if number == 0:
    assert told["-g"] == "1"
    lines = [everybody.raw[at * width : (at + 1) * width].partition(b"\0")[0].decode() for at in range(count)]
    print("# nccl-tests version 2.19.6 nccl-headers=22907 nccl-library=22907")
    print("# Collective test starting: all_reduce_perf")
    print(
        f"# nThread 1 nGpus 1 minBytes {low} maxBytes {high} step: {factor}(factor) warmup iters: 5 iters: 20", end=""
    )
    print(" agg iters: 1 validation: 1 graph: 0 unalign: 0\n#\n# Using devices")
    for at, line in enumerate(lines):
        print(f"#  Rank {at:2} Group  0 {line} [0000:{16 + at % 8}:00] FAKE GPU")
    print(
        "#\n#       size         count      type   redop    root", "     time   algbw   busbw  #wrong" * 2, flush=True
    )
    size, wrong = low, 3 if fault == "broadcast" else 0
    while size <= high:
        us = 20 + size / 4e5
        speed = size / us / 1e3
        timing = f" {us:10.4f} {speed:9.4f} {speed * 2 * (count - 1) / count:9.4f} {wrong:6}"
        print(f"{size:12} {size // 4:12} float sum -1", timing * 2)
        size *= factor
    print(f"# Out of bounds values : {wrong} {'FAILED' if wrong else 'OK'}")
    print("# Avg bus bandwidth    : 1.0\n#\n# Collective test concluded: all_reduce_perf", flush=True)

mpi.MPI_Finalize()
if fault == "broadcast" and number == 0:
    time.sleep(3)  # the first rank is the last to end, and the others have failed before
sys.exit(1 if fault == "broadcast" else 0)
