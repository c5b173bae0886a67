"""A sweep as nccl-tests would print it (2.19 with -I) and write it (-J, version 3), so that its readers read ours.

What an operation of ours does not have, such as an all-reduce out of place, is ``N/A`` in all its columns, and null.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import fmean, pstdev
from typing import Any

from seatrial.checks.collectives.fit import of_sweep
from seatrial.checks.collectives.sweep import Row, Sweep, Timing
from seatrial.strict_json import plain

_HALF = "  time   algbw   busbw  #wrong    i_min    i_max    i_p99    i_cv%"
_UNITS = "  (us)  (GB/s)  (GB/s)             (us)     (us)     (us)      (%)"


@dataclass(frozen=True, kw_only=True, slots=True)
class Setting:
    """What a sweep was started with, for its head."""

    min_bytes: int
    max_bytes: int
    step_factor: int
    warmup: int
    iterations: int
    validation: bool
    pids: Sequence[int]
    device: str
    instance_type: str
    """EC2's name, or the device where there is none: what a baseline belongs to."""
    started: str
    """Local time, as ``2026-11-28 22:10:00``."""
    ended: str


def program(operation: str) -> str:
    """Its name in nccl-tests."""
    return {"all_to_all": "alltoall"}.get(operation, operation) + "_perf"


def to_text(sweep: Sweep, setting: Setting) -> str:
    """As it would be printed."""
    versions = " ".join(f"{name} {version}" for name, version in sweep.versions.items())
    lines = [
        f"# {sweep.tool} {versions}, in the format of nccl-tests",
        f"# Collective test starting: {program(sweep.operation)}",
        f"# nThread 1 nGpus 1 minBytes {setting.min_bytes} maxBytes {setting.max_bytes} step: {setting.step_factor}"
        f"(factor) warmup iters: {setting.warmup} iters: {setting.iterations} agg iters: 1 validation: "
        f"{int(setting.validation)} graph: 0 unalign: 0",
        "#",
        "# Using devices",
        *(
            f"#  Rank {rank:2} Group  0 Pid {setting.pids[rank]:6} on {host:>10} device {rank:2} [-] {setting.device}"
            for rank, host in enumerate(sweep.hosts)
        ),
        "#",
        f"# {'size':>10}  {'count':>12}  {'type':>8}  {'redop':>6}  {'root':>6}   {_HALF}   {_HALF}",
        f"# {'(B)':>10}  {'(elements)':>12}  {'':>8}  {'':>6}  {'':>6}   {_UNITS}   {_UNITS}",
        *(_row(row) for row in sweep.rows),
        f"# {'Out of bounds values':20} : {sweep.out_of_bounds} {'FAILED' if sweep.out_of_bounds else 'OK'}",
        f"# {'Avg bus bandwidth':20} : {sweep.average:g} ",
        "#",
        f"# Collective test concluded: {program(sweep.operation)}",
    ]
    return "\n".join(lines) + "\n"


def _row(row: Row) -> str:
    head = f"{row.size:12}  {row.count:12}  {row.type:>8}  {row.redop:>6}  {row.root:6}"
    return head + _half(row.out_of_place) + _half(row.in_place)


def _half(timing: Timing | None) -> str:
    if timing is None:
        return f"  {'N/A':>7}  {'N/A':>6}  {'N/A':>6}  {'N/A':>6}" + f"  {'N/A':>7}" * 4
    wrong = "N/A" if timing.wrong is None else f"{timing.wrong:g}"
    stats = statistics(timing.iterations_us)
    told = [stats["min_us"], stats["max_us"], stats["p99_us"], stats["cv_pct"]]
    figures = f"  {_float(timing.time_us, 7)}  {_float(timing.algbw, 6)}  {_float(timing.busbw, 6)}  {wrong:>6}"
    return figures + "".join(f"  {_float(value, 7)}" for value in told)


def _float(value: float, width: int) -> str:
    """As many digits as the column has room for."""
    whole = len(str(math.ceil(value))) if value >= 1 else 1
    digits = 2 if whole < width - 2 else 1 if whole < width - 1 else 0
    return f"{value:{width}.{digits}f}" if whole <= width else f"{value:{width}.1e}"


def statistics(times_us: Sequence[float]) -> dict[str, float]:
    """Per-iteration figures by nccl-tests' own rules."""
    ordered = sorted(times_us)
    count, mean, deviation = len(ordered), fmean(ordered), pstdev(ordered)

    def percentile(share: int) -> float:
        return ordered[min(count - 1, (count * share + 99) // 100 - 1)]

    return {
        "min_us": ordered[0],
        "max_us": ordered[-1],
        "avg_us": mean,
        "p50_us": ordered[count // 2],
        "p95_us": percentile(95),
        "p99_us": percentile(99),
        "stdev_us": deviation,
        "cv_pct": deviation / mean * 100 if mean > 0 else 0.0,
    }


def to_json(sweep: Sweep, setting: Setting) -> str:
    """As -J would write it; what is ours alone stands under ``seatrial``."""
    line = of_sweep(sweep)
    document = {
        "version": 3,
        "start_time": setting.started,
        "args": [program(sweep.operation)],
        "env": [],
        "nccl_version": None,
        "config": {
            "nthreads": 1,
            "ngpus": 1,
            "minimum_bytes": setting.min_bytes,
            "maximum_bytes": setting.max_bytes,
            "step_factor": setting.step_factor,
            "warmup_iters": setting.warmup,
            "iterations": setting.iterations,
            "aggregated_iterations": 1,
            "validation": int(setting.validation),
            "graph": 0,
            "blocking_collectives": "true",
            "per_iter_timing": "true",
            "per_iter_skip": 0,
            "parallel_init": "false",
            "devices": [
                {
                    "rank": rank,
                    "group": 0,
                    "pid": setting.pids[rank],
                    "hostname": host,
                    "device": rank,
                    "device_hex": "",
                    "device_info": setting.device,
                }
                for rank, host in enumerate(sweep.hosts)
            ],
        },
        "results": [_result(row) for row in sweep.rows],
        "out_of_bounds": {"count": sweep.out_of_bounds, "okay": "false" if sweep.out_of_bounds else "true"},
        "average_bus_bandwidth": {"bandwidth": sweep.average, "okay": "unchecked"},
        "errors": sweep.errors,
        "end_time": setting.ended,
        "seatrial": {
            "tool": sweep.tool,
            "instance_type": setting.instance_type,
            "versions": sweep.versions,
            "fit": asdict(line) if line else None,
        },
    }
    return json.dumps(plain(document), indent=1, allow_nan=False) + "\n"


def _result(row: Row) -> dict[str, Any]:
    record: dict[str, Any] = {
        "size": row.size,
        "count": row.count,
        "type": row.type,
        "redop": row.redop,
        "root": str(row.root),
    }
    for name, timing in (("out_of_place", row.out_of_place), ("in_place", row.in_place)):
        record[name] = timing and {
            "time": timing.time_us,
            "alg_bw": timing.algbw,
            "bus_bw": timing.busbw,
            "nwrong": None if timing.wrong is None else float(timing.wrong),
        }
        if timing is not None:
            record[f"{name}_per_iter"] = {
                "skipped_iterations": 0,
                **statistics(timing.iterations_us),
                "times_us": [*timing.iterations_us],
            }
    return record
