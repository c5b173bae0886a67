"""How fast an accelerator really is: products by their shape, attention, passes over memory.

Peaks are seatrial.hardware's. What is reached of them was measured by others, once for each accelerator and dtype, over
thousands of shapes; what a shape costs beyond that follows from tiles, waves and the roofline.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np

from seatrial.forecast.fitted import FITTED, Fitted
from seatrial.hardware.accelerators import accelerator

Numbers = Any
"""A number, or an array of them: one for each layout."""

ACHIEVABLE: Mapping[tuple[str, str], float] = {
    ("A100 40GB", "bf16"): 271e12,
    ("A100 80GB", "bf16"): 271e12,
    ("H100 SXM", "bf16"): 794e12,
    ("H100 SXM", "fp8"): 1403e12,
    ("H200 SXM", "bf16"): 794e12,
    ("H200 SXM", "fp8"): 1453e12,
    ("B200", "bf16"): 1745e12,
    ("B200", "fp8"): 3432e12,
    ("B300", "bf16"): 1769e12,
    ("B300", "fp8"): 3353e12,
    ("GB200", "bf16"): 1822e12,
    ("GB200", "fp8"): 3616e12,
    ("MI300X", "bf16"): 668e12,
    ("MI355X", "bf16"): 1565e12,
}
"""Accelerator and dtype -> FLOP/s of the best shape: the maximum achievable matrix-multiply FLOPS ("MAMF") of
stas00/ml-engineering, compute/accelerator, tables of 2026-11."""

SIBLINGS: Mapping[str, str] = {"GB300": "GB200", "MI325X": "MI300X", "MI350X": "MI355X"}
"""Accelerator that nobody measured -> one of the same multiprocessors, which only power and memory set apart."""
SHARE = 0.78
"""Of a peak in bf16 that nobody measured: the median of ACHIEVABLE."""
STEP = 0.94
"""What remains of a share from one dtype to the next narrower, where that was not measured: the median of fp8 over bf16
in ACHIEVABLE. Narrower numbers draw more power for each FLOP/s of the peak that is reached."""

TILE = (128, 256)
"""Rows and columns of what one multiprocessor computes at a time: the tiles that cuBLAS takes for large products."""

Kernel = Literal["fused", "triton"]

_ATTENTION: Mapping[str, tuple[float, float]] = {
    "A100": (0.62, 0.56),
    "H100": (0.66, 0.50),
    "H200": (0.66, 0.50),
    "B200": (0.55, 0.45),
    "B300": (0.65, 0.50),
    "GB200": (0.55, 0.45),
    "GB300": (0.65, 0.50),
}
"""Accelerator -> shares of its bf16 peak that an attention kernel reaches, forward and backward, at 8192 positions and
a causal mask. A100: arXiv:2307.08691 (FlashAttention-2). H100: arXiv:2407.08608 (FlashAttention-3, cuDNN as fast).
B200: arXiv:2603.05451 (FlashAttention-4: 1613 TFLOP/s, 1.3 times cuDNN 9.13, which frameworks call), bound by
exponentials, of which a B300 computes twice as many (10.7 against 5 Tera a second,
https://verda.com/blog/gb300-nvl72-architecture). Estimated: the backward passes of Blackwell, at Hopper's distance from
the forward pass, and the forward pass of a B300, between the bounds."""
_ATTENTION_ELSEWHERE = (0.45, 0.35)
"""Estimated, for AMD's GPUs and Trainium: no figures for training were found."""
FLASH2_ON_HOPPER = 0.35
"""Share of an H100's peak that FlashAttention-2 reaches, which is made for the A100 (arXiv:2407.08608)."""


def achievable(name: str, dtype: str, watts: float | None = None, power: float = FITTED.power) -> float | None:
    """FLOP/s that products of the best shape reach on that accelerator; None where not even its peak is known.

    `watts`: what it may take where that is not what its data sheet says. Products draw all power that there is, so
    clocks, and with them rates, grow with a root of it, the `power`.
    """
    dtype, chip = "bf16" if dtype == "fp16" else dtype, accelerator(name)
    like = accelerator(SIBLINGS.get(name, name))
    rate = _measured(like.name, dtype)
    if rate is None:
        return None
    if like.name != name and dtype in like.peak_flops and dtype in chip.peak_flops:
        # Siblings differ in units, too: in fp4 a GB300 has half as many again.
        units = chip.peak_flops[dtype] / like.peak_flops[dtype]
        rate *= units if units > 1.2 else 1.0
    allowed = watts or chip.watts
    return rate * (allowed / like.watts) ** power if allowed and like.watts else rate


def _measured(name: str, dtype: str) -> float | None:
    """As in ACHIEVABLE, else by what the accelerator reaches of its peak in the next wider dtype."""
    found, peaks = ACHIEVABLE.get((name, dtype)), accelerator(name).peak_flops
    if found is not None or dtype not in peaks:
        return found
    wider = {"fp4": "fp8", "fp8": "bf16"}.get(dtype)
    rate = _measured(name, wider) if wider else None
    return SHARE * peaks[dtype] if wider is None or rate is None else STEP * rate * peaks[dtype] / peaks[wider]


def product_seconds(
    rows: Numbers,
    inputs: Numbers,
    outputs: Numbers,
    *,
    name: str,
    dtype: str,
    groups: Numbers = 1,
    watts: float | None = None,
    fitted: Fitted = FITTED,
) -> Numbers:
    """Seconds of `groups` products of a (rows, inputs) with an (inputs, outputs) matrix in one kernel.

    A tile takes its products and the time to fill it; the last wave of tiles is half full on average, and so is each
    group's last tile; and no kernel is faster than its operands come from memory. Tiles and waves: NVIDIA, "Matrix
    Multiplication Background User's Guide". `name` and `dtype` have an achievable rate (ValueError).
    """
    rate, chip = achievable(name, dtype, watts, fitted.power), accelerator(name)
    if rate is None:
        raise ValueError(f"no {dtype} rate for {name}")
    at_once = chip.multiprocessors or 1
    tall = np.where(np.asarray(groups) > 1, rows + TILE[0] / 2, rows)
    tiles = groups * np.maximum(tall, 1) * outputs / (TILE[0] * TILE[1])
    each = 2 * TILE[0] * TILE[1] * inputs * at_once / rate + (fitted.fill if chip.multiprocessors else 0)
    computed = np.maximum(tiles / at_once + 0.5, 1) * each
    width = {"fp8": 1, "fp4": 0.5, "fp32": 4}.get(dtype, 2)
    moved = groups * (width * (rows * inputs + inputs * outputs) + 2 * rows * outputs)
    return np.maximum(computed, moved / chip.hbm_bytes) if chip.hbm_bytes else computed


def attention_rates(
    name: str, *, width: int = 128, length: Numbers = 8192, kernel: Kernel = "fused"
) -> tuple[Numbers, Numbers]:
    """FLOP/s of attention's kernel, forward and backward, for heads of that width and sequences of that length.

    `triton`: the kernel that an A100 was given, on any GPU. Narrow heads give each exponential fewer products: at 64
    wide about three quarters of the rate at 128 (arXiv:2407.08608, figure 5). Short sequences have fewer blocks to
    overlap: 430 TFLOP/s at 512 positions, 614 at 8192, 621 at 16 384 (FlashAttention-3, pytorch/benchmark#2391).
    """
    peak = accelerator(name).peak_flops["bf16"]
    generation = name.split()[0]
    forward, backward = _ATTENTION.get(generation, _ATTENTION_ELSEWHERE)
    if kernel == "triton" and generation != "A100":
        forward, backward = FLASH2_ON_HOPPER, FLASH2_ON_HOPPER
    shape = min(1.5 * width / (width + 64), 1.1) * (length / (length + 230)) * (8422 / 8192)
    return forward * peak * shape, backward * peak * shape


def pass_seconds(moved: Numbers, name: str) -> Numbers:
    """Seconds that a pass over so many bytes of memory takes; ValueError where the bandwidth is not known."""
    bandwidth = accelerator(name).hbm_bytes
    if bandwidth is None:
        raise ValueError(f"no memory bandwidth for {name}")
    return moved / bandwidth
