"""What frameworks ask the module of their device for, answered for a CPU.

torch.cuda tells a device's name and memory; torch.cpu does not, so a framework that asks whatever device it finds, as
torchtitan does, stops there.
"""

from __future__ import annotations

import os
import resource
import sys
from types import SimpleNamespace
from typing import Any

import torch


def answer_for_cpu(device: torch.device) -> None:
    """Make torch.cpu answer, and torch take it for the available device. Does nothing for another `device`."""
    if device.type != "cpu":
        return
    torch._utils._get_available_device_type = lambda: "cpu"
    torch.cpu.current_device = lambda: 0  # type: ignore[assignment,return-value] # an index, where torch has a name
    for name, answer in _ANSWERS.items():
        if not hasattr(torch.cpu, name):
            setattr(torch.cpu, name, answer)


def _memory_stats(_: Any = None) -> dict[str, int]:
    """The resident set at its largest, since nobody allocates on behalf of a CPU."""
    unit = 1 if sys.platform == "darwin" else 1024  # getrusage(2): bytes on macOS, KiB on Linux
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    return {"active_bytes.all.peak": peak, "reserved_bytes.all.peak": peak}


def _properties(_: Any = None) -> SimpleNamespace:
    return SimpleNamespace(name="cpu", total_memory=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))


def _nothing(_: Any = None) -> None:
    pass


_ANSWERS = {
    "get_device_name": lambda _=None: "cpu",
    "get_device_properties": _properties,
    "memory_stats": _memory_stats,
    "reset_peak_memory_stats": _nothing,
    "empty_cache": _nothing,
}
