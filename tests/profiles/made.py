"""Traces as Kineto writes them of a GPU, and exports as nsys makes them; made after their published layouts."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import Any

GEMM = "sm90_xmma_gemm_bf16bf16_bf16f32_f32_tn_n_tilesize128x128x64_warpgroupsize1x1x1_execute_segment_k_off_kernel"
FLASH = "void flash::flash_fwd_kernel<Flash_fwd_kernel_traits<128, 128, 64, 4> >(flash::Flash_fwd_params)"
ADD = "void at::native::vectorized_elementwise_kernel<4, at::native::CUDAFunctor_add<float> >(int, char*)"
ADAM = "void at::native::(anonymous namespace)::multi_tensor_apply_kernel<FusedAdamMathFunctor<float> >(int)"
GATHER = "ncclDevKernel_AllGather_RING_LL(ncclDevKernelArgsStorage<4096ul>)"
COPY = "Memcpy HtoD (Pinned -> Device)"


def span(cat: str, name: str, start: float, end: float, tid: int | str = 7, **args: Any) -> dict[str, Any]:
    """An event of so many microseconds."""
    event = {"ph": "X", "cat": cat, "name": name, "pid": 0, "tid": tid, "ts": start, "dur": end - start}
    return event | {"args": args}


def kernel(
    name: str, start: float, end: float, *, stream: int = 7, launched: float | None = None
) -> list[dict[str, Any]]:
    """A kernel, and the call that launched it."""
    number = int(start * 1000)
    call = "cudaLaunchKernel"
    found = [span("kernel", name, start, end, stream, correlation=number, stream=stream, device=0)]
    if launched is not None:
        found.append(span("cuda_runtime", call, launched, launched + 3, 99, correlation=number, cbid=211))
    return found


def gather(start: float, end: float, elements: int = 1 << 20) -> dict[str, Any]:
    """An all-gather of NCCL with what torch notes of it."""
    told = {"Collective name": "_allgather_base", "In msg nelems": elements, "dtype": "BFloat16", "Group size": 8}
    return span("kernel", GATHER, start, end, 20, correlation=-1, stream=20, **told)


def step(number: int, start: float, end: float) -> dict[str, Any]:
    """A step's range on the host."""
    return span("user_annotation", f"ProfilerStep#{number}", start, end, 99)


def document(events: Iterable[dict[str, Any]], rank: int | None = 3) -> dict[str, Any]:
    """A trace."""
    told = {} if rank is None else {"distributedInfo": {"backend": "nccl", "rank": rank, "world_size": 8}}
    return {"schemaVersion": 1, **told, "traceEvents": list(events), "traceName": "trace.json"}


def write(path: Path, events: Iterable[dict[str, Any]], rank: int | None = 3) -> Path:
    """A trace's file."""
    path.write_text(json.dumps(document(events, rank), indent=2), encoding="utf-8")
    return path


def export(path: Path, *, kernels: Iterable[tuple[Any, ...]] = (), ranges: Iterable[tuple[Any, ...]] = ()) -> Path:
    """What nsys export --type sqlite makes. `kernels`: start, end, stream, name, launched, device, all in ns, by
    process 1; `ranges`: start, end, text, payload."""
    process = 1 << 24
    with sqlite3.connect(path) as file:
        file.executescript(
            """
            CREATE TABLE StringIds (id INTEGER PRIMARY KEY, value TEXT NOT NULL);
            CREATE TABLE CUPTI_ACTIVITY_KIND_KERNEL (start INTEGER NOT NULL, end INTEGER NOT NULL, deviceId INTEGER,
                contextId INTEGER, streamId INTEGER, correlationId INTEGER, globalPid INTEGER, demangledName INTEGER,
                shortName INTEGER, gridX INTEGER, blockX INTEGER);
            CREATE TABLE CUPTI_ACTIVITY_KIND_MEMCPY (start INTEGER NOT NULL, end INTEGER NOT NULL, deviceId INTEGER,
                contextId INTEGER, streamId INTEGER, correlationId INTEGER, globalPid INTEGER, bytes INTEGER,
                copyKind INTEGER);
            CREATE TABLE CUPTI_ACTIVITY_KIND_RUNTIME (start INTEGER NOT NULL, end INTEGER NOT NULL, eventClass INTEGER,
                globalTid INTEGER, correlationId INTEGER, nameId INTEGER NOT NULL, returnValue INTEGER);
            CREATE TABLE NVTX_EVENTS (start INTEGER NOT NULL, end INTEGER, eventType INTEGER, rangeId INTEGER,
                text TEXT, globalTid INTEGER, textId INTEGER, domainId INTEGER, jsonText TEXT);
            INSERT INTO StringIds VALUES (1, 'cudaLaunchKernel_v7000');
            """
        )
        names: dict[str, int] = {}
        for number, (start, end, stream, name, launched, device) in enumerate(kernels, start=1):
            if name not in names:
                names[name] = len(names) + 2
                file.execute("INSERT INTO StringIds VALUES (?, ?)", (names[name], name))
            row = (start, end, device, 1, stream, number, process)
            if name.startswith("Memcpy"):
                file.execute("INSERT INTO CUPTI_ACTIVITY_KIND_MEMCPY VALUES (?,?,?,?,?,?,?,4096,1)", row)
            else:
                called = (*row, names[name], names[name], 1, 128)
                file.execute(f"INSERT INTO CUPTI_ACTIVITY_KIND_KERNEL VALUES ({','.join('?' * 11)})", called)
            if launched is not None:
                call = (launched, launched + 3000, 0, process + 5, number, 1, 0)
                file.execute("INSERT INTO CUPTI_ACTIVITY_KIND_RUNTIME VALUES (?,?,?,?,?,?,?)", call)
        for start, end, text, payload in ranges:
            row = (start, end, 59, 0, text, process + 5, None, 0, payload)
            file.execute("INSERT INTO NVTX_EVENTS VALUES (?,?,?,?,?,?,?,?,?)", row)
    return path
