"""Nodes of a Slurm cluster, as a file that Prometheus reads again when it changes: so it finds replaced nodes."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from seatrial.observe.exporter.collectors.slurm import ask

SINFO = ("sinfo", "--all", "--noheader", "--Node", "--format=%N|%o|%T|%R")
"""Name, address, state, partition: a line for each partition that a node is in."""

ABSENT = "~%"
"""Behind a state: there is no machine, or none any more: powered down, powering down (man sinfo, node state codes)."""


@dataclass(frozen=True, slots=True)
class Target:
    """A node that is to be asked."""

    node: str
    address: str
    partitions: tuple[str, ...]


def parse(text: str) -> list[Target]:
    """What SINFO printed. Raises ValueError for a line that cannot be understood."""
    found: dict[str, Target] = {}
    for row in filter(str.strip, text.splitlines()):
        parts = row.strip().split("|")
        if len(parts) != 4 or not re.fullmatch(r"[\w.-]+", parts[0]) or not re.fullmatch(r"[\w.:-]+", parts[1]):
            raise ValueError(f"sinfo printed what cannot be understood: {row.strip()!r}")
        name, address, state, partition = parts
        if state[-1:] in ABSENT:
            continue
        before = found[name].partitions if name in found else ()
        found[name] = Target(name, address, (*before, partition))
    return [*found.values()]


def file_sd(targets: list[Target], cluster: str) -> str:
    """The text of the file. Addresses have no port: each job of the scrape configuration adds its own."""
    return json.dumps([*_groups(targets, cluster)], indent=1) + "\n"


def _groups(targets: list[Target], cluster: str) -> Iterator[dict[str, object]]:
    for target in sorted(targets, key=lambda target: target.node):
        labels = {"cluster": cluster, "node": target.node.partition(".")[0]}
        # With commas around each, so that a pattern can ask for one of them.
        labels["partitions"] = f",{','.join(target.partitions)},"
        yield {"targets": [target.address], "labels": labels}


def targets(ask: Callable[[tuple[str, ...]], str] = ask) -> list[Target]:
    """The nodes that there are now. Raises OSError or ValueError where sinfo says nothing that can be used."""
    return parse(ask(SINFO))
