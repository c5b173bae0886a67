"""What torch.compile did in this process, by its own counters (torch 2.13: torch/_dynamo/utils.py)."""

from __future__ import annotations

import sys
from types import ModuleType

MAX_REASON = 200
"""Characters of a reason that are kept."""


def seconds() -> float:
    """Wall time that the compiler took so far, of forward and backward passes."""
    counting = _counting()
    return 0.0 if counting is None else float(counting.calculate_time_spent().get("total_wall_time", 0.0))


def graphs() -> int:
    """Graphs that it has made so far."""
    counting = _counting()
    return 0 if counting is None else int(counting.counters["stats"]["unique_graphs"])


def eager() -> dict[str, int]:
    """Why it left code to Python so far -> how often: graphs that it broke, functions that it gave up."""
    counting = _counting()
    found: dict[str, int] = {}
    for kind in ("graph_break", "unimplemented"):
        for reason, count in (counting.counters[kind] if counting else {}).items():
            found[_short(reason)] = found.get(_short(reason), 0) + count
    return found


def _counting() -> ModuleType | None:
    """The module that counts; where it was never imported nothing was compiled, and importing it takes seconds."""
    return sys.modules.get("torch._dynamo.utils")


def _short(reason: str) -> str:
    """Its first two lines say what and why; then come hints and links."""
    lines = [line.strip().removeprefix("Explanation: ") for line in reason.splitlines()[:2]]
    return ": ".join(lines)[:MAX_REASON]
