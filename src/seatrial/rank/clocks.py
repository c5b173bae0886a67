"""Whether a GPU holds its clocks down because it is too hot, or because its power was cut: what NVML says.

Standard library only. Where there is no NVML, or it does not answer, nothing is told. A power limit that is reached is
no such reason: at full load it is how a GPU works.
"""

from __future__ import annotations

import contextlib
import ctypes
from collections.abc import Callable
from typing import Any

HELD_DOWN = 0x08 | 0x20 | 0x40 | 0x80
"""HW slowdown, SW thermal, HW thermal, HW power brake. Source: nvml.h, nvmlClocksEventReason*, CUDA 13 (2026-08)."""
_READERS = ("nvmlDeviceGetCurrentClocksEventReasons", "nvmlDeviceGetCurrentClocksThrottleReasons")
"""The function's name, and that before CUDA 12.2."""


def load() -> Any:
    """NVML, which comes with the driver; None if it is not there."""
    with contextlib.suppress(OSError):
        return ctypes.CDLL("libnvidia-ml.so.1")
    return None


class Clocks:
    """Those of one GPU."""

    def __init__(self, uuid: str, nvml: Any) -> None:
        """`uuid` as nvidia-smi has it: CUDA's numbers are others than NVML's where not all devices are visible."""
        self._device = ctypes.c_void_p()
        self._read = _reader(nvml)
        if self._read is not None and not (
            nvml.nvmlInit_v2() == 0 and nvml.nvmlDeviceGetHandleByUUID(uuid.encode(), ctypes.byref(self._device)) == 0
        ):
            self._read = None

    def held_down(self) -> bool:
        """Whether they are now; takes some microseconds."""
        reasons = ctypes.c_ulonglong()
        read = self._read
        return read is not None and read(self._device, ctypes.byref(reasons)) == 0 and bool(reasons.value & HELD_DOWN)


def _reader(nvml: Any) -> Callable[..., int] | None:
    return next((found for name in _READERS if (found := getattr(nvml, name, None)) is not None), None)
