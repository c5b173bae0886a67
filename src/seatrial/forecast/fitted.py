"""The constants that published measurements settle, each with its meaning and unit: benchmarks/forecast_fit.py."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Fitted:
    """What no data sheet says. Ratios are pure numbers."""

    products: float = 1.05
    """Time of products in a step over that of the same products alone: power, caches, other kernels. Ratio."""
    fill: float = 1.1e-06
    """What a tile of a product takes beyond its arithmetic, to fill its pipeline and write its result. Seconds."""
    power: float = 0.786
    """Exponent with which the rate of products grows with the power that an accelerator may take. Between a B200 and
    a GB200 (1000 and 1200 W) short measurements grow with its 0.24th (bf16) and 0.29th (fp8) power. Pure number."""
    low_precision: float = 1.03
    """Time of products in fp8 and fp4, in addition to `products`. Ratio."""
    grouped: float = 1.26
    """Time of the grouped products of experts, in addition to `products`. Ratio."""
    attention: float = 1.32
    """Time of attention in a step over that at its kernel's published rate. Ratio."""
    passes: float = 1.45
    """Bytes that passes over memory move over the least that fused kernels must. Ratio."""
    eager: float = 2.44
    """The same, in addition, where no compiler joins passes. Ratio."""
    permuted: float = 2.05
    """Times that routed tokens are read and written to sort them by expert, forward. Times."""
    launch: float = 8e-06
    """Time that the host takes to start a kernel. Seconds."""
    mixture_launch: float = 0.0111
    """Time that the host takes for a mixture layer of one micro-batch, forward and backward, beside the kernels of each
    expert, where it starts each kernel itself and waits to learn how many tokens each expert gets. Seconds."""
    waited: float = 0.677
    """Part of the host's time for mixtures in which the device waits: forward. The rest it starts ahead. Ratio."""
    partly: float = 0.481
    """Part of the host's time for mixtures that remains where graphs start all that routing does not touch. Ratio."""
    tensor: float = 0.996
    """Part of tensor-parallel communication that is exposed where nothing overlaps it. Ratio."""
    tensor_overlapped: float = 0.748
    """The same where it runs in slices beside products. Ratio."""
    context: float = 0.431
    """Part of the ring of keys and values that is exposed. Ratio."""
    expert: float = 1.0
    """Part of dispatch and combine that is exposed. Ratio."""
    expert_overlapped: float = 0.423
    """The same where another micro-batch runs beside it. Ratio."""
    contention: float = 0.464
    """Part of hidden communication by which it slows what it hides behind, with which it shares the chip. Ratio."""
    unhidden: float = 0.368
    """Part of communication once a step that is exposed, where backward and forward pass are long enough. Ratio."""
    host: float = 0.0216
    """Time of a step in which the host alone works: data, logging, the optimizer's launch. Seconds."""
    early: float = 0.196
    """By how much jobs are slower with the software of a generation's first day: the logarithm of the speed."""
    ripening: float = 1.43
    """Time in which that falls to a third, as kernels are written for the new chip. Years."""


FITTED = Fitted()
