"""Ranks and their hosts in a sentence."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from seatrial.checks.environment.facts import Facts

HOSTS = 3
"""Hosts that a sentence names; of more it says how many."""


def ranges(numbers: Iterable[int]) -> str:
    """``0-7, 12``"""
    runs: list[list[int]] = []
    for number in sorted(numbers):
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in runs)


def where(ranks: Sequence[Facts]) -> str:
    """``rank 13 on ip-10-0-0-7``, ``ranks 8-23 on 2 hosts (a, b)``."""
    numbers = ranges(facts.rank for facts in ranks)
    return f"{'rank' if len(ranks) == 1 else 'ranks'} {numbers} on {which(ranks)}"


def which(ranks: Sequence[Facts]) -> str:
    """Their nodes: ``ip-10-0-0-7``, ``2 hosts (a, b)``."""
    hosts = _hosts(ranks)
    if len(hosts) == 1:
        return hosts[0]
    more = ", ..." if len(hosts) > HOSTS else ""
    return f"{len(hosts)} hosts ({', '.join(hosts[:HOSTS])}{more})"


def scope(ranks: Sequence[Facts]) -> dict[str, Any]:
    """The same for machines: ``{"rank": 13, "node": "ip-10-0-0-7"}``."""
    about: dict[str, Any] = {"rank": ranks[0].rank} if len(ranks) == 1 else {"ranks": ranges(f.rank for f in ranks)}
    return about | nodes(ranks)


def nodes(ranks: Sequence[Facts]) -> dict[str, Any]:
    """Their nodes for machines: ``{"nodes": ["a", "b"]}``."""
    hosts = _hosts(ranks)
    return {"node": hosts[0]} if len(hosts) == 1 else {"nodes": hosts}


def _hosts(ranks: Sequence[Facts]) -> list[str]:
    return list(dict.fromkeys(facts.host for facts in ranks))
