"""What the programs of nccl-tests write with -J: versions 1 to 3 of it."""

from __future__ import annotations

import json
from typing import Any

from seatrial.checks.collectives import formulas
from seatrial.checks.collectives.sweep import Row, Sweep, Timing, sizes
from seatrial.checks.observations import Unreadable

EXPECTED = "JSON of nccl-tests, version 1 to 3"
VERSIONS = (1, 2, 3)
_ROUNDING = 5e-7
"""It writes six digits behind the point."""


def parse(text: str) -> list[Sweep]:
    """The one sweep of a file. Raises Unreadable."""
    try:
        document = json.loads(text)
        return [_sweep(document)]
    except Unreadable:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise Unreadable(f"{EXPECTED} ({type(error).__name__}: {error})") from None


def _sweep(document: dict[str, Any]) -> Sweep:
    if document["version"] not in VERSIONS:
        raise Unreadable(f"{EXPECTED}; this is version {document['version']!r}")
    config, devices = document["config"], document["config"].get("devices", document.get("devices"))
    groups: dict[int, list[Any]] = {}
    for device in devices:
        groups.setdefault(int(device["group"]), []).append(device)
    if sorted(int(device["rank"]) for device in devices) != [*range(len(devices))]:
        raise Unreadable(f"{EXPECTED}, with a device of each rank")
    first = next(iter(groups.values()), [])
    step = {f"by_{name}": int(config[f"step_{name}"]) for name in ("factor", "bytes") if f"step_{name}" in config}
    bounds, average = document.get("out_of_bounds"), document.get("average_bus_bandwidth")
    equal = len({len(group) for group in groups.values()}) == 1
    return Sweep(
        tool="nccl-tests",
        operation=formulas.operation(document["args"][0]),
        ranks=len(first) if first and equal else None,
        groups=max(len(groups), 1),
        hosts=tuple(str(device["hostname"]) for device in first),
        rows=[_row(result) for result in document["results"]],
        planned=len(sizes(int(config["minimum_bytes"]), int(config["maximum_bytes"]), **step)),
        checked=int(config["validation"]) != 0,
        out_of_bounds=int(bounds["count"]) if bounds else None,
        concluded="end_time" in document,
        average=float(average["bandwidth"]) if average else None,
        below_minimum=average is not None and average["okay"] in ("false", False),
        errors=[str(error) for error in document.get("errors", ()) if error],
        versions=_versions(document),
    )


def _versions(document: dict[str, Any]) -> dict[str, str]:
    code = document.get("nccl_version")
    return {"nccl": f"{code // 10000}.{code // 100 % 100}.{code % 100}"} if isinstance(code, int) else {}


def _row(result: dict[str, Any]) -> Row:
    return Row(
        size=int(result["size"]),
        count=int(result["count"]),
        type=str(result["type"]),
        redop=str(result["redop"]),
        root=int(result["root"]),
        out_of_place=_timing(result["out_of_place"], result.get("out_of_place_per_iter")),
        in_place=_timing(result["in_place"], result.get("in_place_per_iter")),
    )


def _timing(told: dict[str, Any] | None, iterations: dict[str, Any] | None) -> Timing | None:
    if told is None:
        return None
    time = float(told["cpu_time"] if "cpu_time" in told else told["time"])
    wrong = told["nwrong"]
    times = tuple(float(value) for value in iterations["times_us"]) if iterations else ()
    return Timing(
        time_us=time,
        algbw=float(told["alg_bw"]),
        busbw=float(told["bus_bw"]),
        wrong=None if wrong is None else int(float(wrong)),
        rounding_us=_ROUNDING,
        rounding_gbps=_ROUNDING,
        iterations_us=times,
    )
