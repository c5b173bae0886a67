"""How fast a trace of torch.profiler is read and summarised, and in how much memory.

    python benchmarks/profile_trace.py
    python benchmarks/profile_trace.py --size 200

Makes a trace of 1 GB in a scratch folder, in the layout of Kineto (torch 2.13): steps of a training on a GPU with the
operators, launches, kernels, flows and collectives of a transformer's layers, shapes of their inputs noted. It is
summarised as `seatrial profile show` does it, in a process of its own, as it is and gzipped. Speeds are bytes of the
plain trace per second of CPU, from the first import to the findings. Targets: at least 100 MB/s of a core, within 2 GB
of memory.
"""

from __future__ import annotations

import gzip
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from interleave import estimate, interleave, parser, publish, row
from programs import scratch

MB = 1_000_000
SPEED = 100.0
MEMORY = 2000.0
"""MB"""
OPERATORS = ("aten::linear", "aten::addmm", "aten::view", "aten::rms_norm", "aten::mul", "aten::empty_strided")
KERNELS = (
    "sm90_xmma_gemm_bf16bf16_bf16f32_f32_tn_n_tilesize128x128x64_warpgroupsize1x1x1_execute_segment_k_off_kernel",
    "void at::native::vectorized_elementwise_kernel<4, at::native::CUDAFunctor_add<float>, std::array<char*, 3ul> >"
    "(int, at::native::CUDAFunctor_add<float>, std::array<char*, 3ul>)",
    "void flash::flash_fwd_kernel<Flash_fwd_kernel_traits<128, 128, 64, 4, false, false, cutlass::bfloat16_t> >"
    "(flash::Flash_fwd_params)",
)
GATHER = "ncclDevKernel_AllGather_RING_LL(ncclDevKernelArgsStorage<4096ul>)"
HEAD = """{
  "schemaVersion": 1,
  "deviceProperties": [{"id": 0, "name": "NVIDIA H200", "totalGlobalMem": 150000000000}],
  "distributedInfo": {"backend": "nccl", "rank": 0, "world_size": 8},
  "baseTimeNanoseconds": 1790857026000000000,
  "traceEvents": [
"""
TAIL = """  {
    "ph": "i", "s": "g", "name": "Record Window End", "pid": "", "tid": "", "ts": 1.0
  }
  ],
  "traceName": "trace.json"
}
"""
SPAN = """  {{
    "ph": "X",
    "cat": "{cat}",
    "name": "{name}",
    "pid": {pid},
    "tid": {tid},
    "ts": {start:.3f},
    "dur": {dur:.3f}
    ,
    "args": {{
      {args}
    }}
  }},
"""
SHAPES = (
    '"External id": {n},"Record function id": 0, "Concrete Inputs": ["", "", ""], '
    '"Input type": ["c10::BFloat16", "c10::BFloat16", ""], "Input Strides": [[4096, 1], [4096, 1], []], '
    '"Input Dims": [[8192, 4096], [4096, 4096], []], "Ev Idx": {n}'
)
LAUNCH = '"External id": {n},\n      "cbid": 211, "correlation": {n}'
KERNEL = (
    '"External id": {n},\n      "queued": 0, "device": 0, "context": 1,\n      "stream": 7, "correlation": {n},\n'
    '      "registers per thread": 168,\n      "shared memory": 213280,\n      "blocks per SM": 1.0,\n'
    '      "warps per SM": 12.0,\n      "grid": [132, 1, 1],\n      "block": [384, 1, 1],\n'
    '      "est. achieved occupancy %": 19'
)
COLLECTIVE = (
    '"Collective name": "_allgather_base", "In msg nelems": 2097152, "Out msg nelems": 16777216, "Group size": 8, '
    '"dtype": "BFloat16", "Process Group Name": "0", "Process Group Ranks": "[0, 1, 2, 3, 4, 5, 6, 7]", '
)
FLOW = """  {{
    "ph": "s", "id": {n}, "pid": 4321, "tid": 4321, "ts": {start:.3f},
    "cat": "ac2g", "name": "ac2g"
  }},
"""
READ = """
import json, resource, sys, time
from pathlib import Path
from seatrial import profiles
found = profiles.read([Path(sys.argv[1])])
[figures] = found.ranks
print(json.dumps({"seconds": time.process_time(), "events": figures.events, "unread": figures.unread,
    "hidden": figures.hidden, "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}))
"""


def layers() -> Iterator[str]:
    """The events of one kernel after the other, without end: what leads to it, and itself; each tenth is NCCL's."""
    start, number = 5e12, 0
    while True:
        number += 1
        if number % 5000 == 1:
            yield SPAN.format(cat="user_annotation", name=f"ProfilerStep#{number // 5000}", pid=4321, tid=4321,
                              start=start, dur=5000 * 25, args='"External id": 1')  # fmt: skip
        for depth in range(3):
            name = OPERATORS[(number + depth) % len(OPERATORS)]
            yield SPAN.format(cat="cpu_op", name=name, pid=4321, tid=4321, start=start + depth, dur=9 - depth,
                              args=SHAPES.format(n=number))  # fmt: skip
        yield SPAN.format(cat="cuda_runtime", name="cudaLaunchKernel", pid=4321, tid=4321, start=start + 4, dur=3,
                          args=LAUNCH.format(n=number))  # fmt: skip
        yield FLOW.format(n=number, start=start + 4)
        if number % 10 == 0:
            yield SPAN.format(cat="kernel", name=GATHER, pid=0, tid=20, start=start + 10, dur=40,
                              args=COLLECTIVE + KERNEL.format(n=number))  # fmt: skip
        else:
            yield SPAN.format(cat="kernel", name=KERNELS[number % 3], pid=0, tid=7, start=start + 9, dur=22,
                              args=KERNEL.format(n=number))  # fmt: skip
        start += 25


def make(path: Path, size: int) -> int:
    """Write a trace of that size; its number of events."""
    written = count = 0
    with path.open("w") as file:
        file.write(HEAD)
        for text in layers():
            written += file.write(text)
            count += 1
            if written >= size:
                break
        file.write(TAIL)
    return count + 1


def read(path: Path, size: int, events: int) -> dict[str, float]:
    """Summarise a trace in a process of its own."""
    command = [sys.executable, "-c", READ, str(path)]
    found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert (found["events"], found["unread"]) == (events, ""), found
    return {**found, "speed": size / MB / found["seconds"]}


def main() -> None:
    """Measure and print."""
    options = parser(__doc__, repeats=3)
    options.add_argument("--size", type=int, default=1000, help="MB of the trace, default 1000")
    chosen = options.parse_args()
    with scratch() as folder:
        plain, packed = folder / "trace.json", folder / "trace.json.gz"
        events = make(plain, chosen.size * MB)
        with plain.open("rb") as source, gzip.open(packed, "wb", 1) as target:
            shutil.copyfileobj(source, target, 1 << 20)
        size = plain.stat().st_size
        reading = {path.name: partial(read, path, size, events) for path in (plain, packed)}
        runs = interleave(reading, chosen.repeats)
    speed = {name: [run["speed"] for run in found] for name, found in runs.items()}
    memory = [run["memory"] / MB for found in runs.values() for run in found]
    rows = [
        row(f"a trace of {chosen.size} MB", estimate(speed["trace.json"]), " MB/s", digits=0, at_least=SPEED),
        row("the same, gzipped", estimate(speed["trace.json.gz"]), " MB/s", digits=0),
        row("peak memory", estimate(memory), " MB", digits=0, at_most=MEMORY),
    ]
    publish(rows, {"runs": runs, "events": events}, as_json=chosen.json)


if __name__ == "__main__":
    main()
