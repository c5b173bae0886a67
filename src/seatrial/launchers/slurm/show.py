"""What `scontrol show` prints of nodes and partitions. Recorded answers: tests/launchers/slurm/recorded/show."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from seatrial.checks.scontrol import fields

SHOW = "scontrol --oneliner show"


@dataclass(frozen=True, kw_only=True, slots=True)
class Node:
    """What `scontrol show node` says of one."""

    cpus: int
    """Those that jobs get: half of its vCPUs where hyper-threading is off."""
    memory_mib: int
    gpus: Mapping[str, int]
    """Type of GRES -> how many; empty: Slurm knows none."""
    features: frozenset[str]
    partitions: frozenset[str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Partition:
    """What `scontrol show partition` says of one. A limit that is not there is infinite."""

    name: str
    default: bool
    state: str
    seconds: float
    nodes: float
    cpus_per_node: float
    memory_mib: float
    times: Mapping[str, str]
    """DefaultTime and MaxTime, as Slurm writes them."""


def parse_nodes(text: str) -> list[Node]:
    """The lines of `scontrol --oneliner show node`; one that lacks what is looked at is left out."""
    found = []
    for record in _records(text, "NodeName"):
        cpus, memory = record.get("CPUEfctv") or record.get("CPUTot", ""), record.get("RealMemory", "")
        if cpus.isdecimal() and memory.isdecimal():
            gres = re.findall(r"(?:^|,)gpu(?::([A-Za-z][\w.-]*))?:(\d+)", record.get("Gres", ""))
            found.append(
                Node(
                    cpus=int(cpus),
                    memory_mib=int(memory),
                    gpus={kind: int(count) for kind, count in gres},
                    features=_words(record.get("AvailableFeatures", "")),
                    partitions=_words(record.get("Partitions", "")),
                )
            )
    return found


def parse_partitions(text: str) -> list[Partition]:
    """The lines of `scontrol --oneliner show partition`."""
    return [
        Partition(
            name=record["PartitionName"],
            default=record.get("Default") == "YES",
            state=record.get("State", ""),
            seconds=seconds(record.get("MaxTime", "")),
            nodes=_limit(record.get("MaxNodes", "")),
            cpus_per_node=_limit(record.get("MaxCPUsPerNode", "")),
            memory_mib=_limit(record.get("MaxMemPerNode", "")),
            times={key: record.get(key, "") for key in ("DefaultTime", "MaxTime")},
        )
        for record in _records(text, "PartitionName")
    ]


def seconds(time: str) -> float:
    """A time limit as Slurm writes and reads it: ``30``, ``2:30:00``, ``1-12``; infinite where it is none."""
    days, dash, rest = time.rpartition("-")
    parts = rest.split(":")
    if not all(part.isdecimal() for part in ([days] if dash else []) + parts) or len(parts) > 3:
        return math.inf
    # Behind days they begin with hours; alone, one is minutes, and two are minutes and seconds.
    units = [3600, 60, 1] if dash or len(parts) == 3 else [60, 1]
    return int(days or 0) * 86400.0 + sum(int(p) * unit for p, unit in zip(parts, units, strict=False))


def _records(text: str, first: str) -> Iterable[dict[str, str]]:
    """The fields of each line that begins so."""
    return (fields(line) for line in text.splitlines() if line.startswith(f"{first}="))


def _words(text: str) -> frozenset[str]:
    return frozenset() if text == "(null)" else frozenset(filter(None, text.split(",")))


def _limit(text: str) -> float:
    return int(text) if text.isdecimal() else math.inf


def reasons(text: str) -> dict[str, str]:
    """Node -> the reason that it is drained, down or failing for, of `scontrol --oneliner show node`; "" for none.

    Who gave it, and when, stands behind it in brackets: ``Reason=bad memory [root@2026-11-28T10:00:00]``.
    """
    found: dict[str, str] = {}
    for line in text.splitlines():
        name = re.match(r"NodeName=(\S+) ", line)
        if name:
            words = re.search(r" Reason=(.*?)(?: \[[^\[\]@]*@[^\[\]]*\])?(?: Comment=.*)?$", line.rstrip())
            found[name[1]] = words[1] if words else ""
    return found
