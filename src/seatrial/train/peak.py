"""The peak that MFU is measured against: a data sheet's figure on a known GPU, a measured product on a CPU."""

from __future__ import annotations

import time

import torch

from seatrial.hardware import accelerator_of_device

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}
SIZE = 1024
SECONDS = 0.2


def peak_flops(device: torch.device, dtype: str) -> tuple[float | None, str]:
    """Dense peak FLOP/s of one rank at a `dtype` of DTYPES, and where the figure comes from. (None, reason) if unknown.

    On a CPU there is no useful data-sheet figure for a share of the cores, so the best of a few matrix products, run
    by every rank at the same time, stands for it.
    """
    if device.type == "cuda":
        name = torch.cuda.get_device_name(device)
        accelerator = accelerator_of_device(name)
        peak = accelerator.peak_flops.get(dtype) if accelerator else None
        if accelerator is None or peak is None:
            return None, f"unknown: no {dtype} peak for {name} in the hardware table"
        return peak, f"{accelerator.name}, dense {dtype}: {accelerator.source}"
    threads = torch.get_num_threads()
    source = f"measured: best {SIZE}x{SIZE} {dtype} matrix product on {threads} CPU thread(s)"
    return _measured(device, DTYPES[dtype]), source


@torch.no_grad()
def _measured(device: torch.device, dtype: torch.dtype) -> float:
    left, right = (torch.randn(SIZE, SIZE, device=device).to(dtype) for _ in range(2))
    torch.mm(left, right)  # the first product sets up the library
    best = float("inf")
    deadline = time.perf_counter() + SECONDS
    while time.perf_counter() < deadline:
        begin = time.perf_counter()
        torch.mm(left, right)
        best = min(best, time.perf_counter() - begin)
    return 2 * SIZE**3 / best
