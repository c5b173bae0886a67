"""AdamW with the right weight-decay groups, and learning-rate schedules as plain functions of the step."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import nn


def adamw(
    parameters: Iterable[nn.Parameter], *, learning_rate: float, betas: tuple[float, float], weight_decay: float
) -> torch.optim.AdamW:
    """AdamW, fused where the device has it.

    Only matrices decay: what has one dimension is an RMSNorm's scale (or a bias), and shrinking it does no good.
    """
    trained = [p for p in parameters if p.requires_grad]
    groups = [
        {"params": [p for p in trained if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in trained if p.ndim <= 1], "weight_decay": 0.0},
    ]
    fused = all(p.device.type in ("cpu", "cuda") for p in trained)
    return torch.optim.AdamW([g for g in groups if g["params"]], lr=learning_rate, betas=betas, fused=fused)


def learning_rate_at(step: int, *, steps: int, warmup_steps: int, peak: float, minimum: float, schedule: str) -> float:
    """Learning rate of step `step` (0 for the first) of `steps`.

    Linear warm-up to `peak`, then ``constant``, or ``linear`` or ``cosine`` down to `minimum` at the last step.
    """
    if step < warmup_steps:
        return peak * (step + 1) / warmup_steps
    if schedule == "constant":
        return peak
    done = min(1.0, (step - warmup_steps) / max(1, steps - 1 - warmup_steps))
    remaining = 1.0 - done if schedule == "linear" else 0.5 * (1.0 + math.cos(math.pi * done))
    return minimum + (peak - minimum) * remaining


def set_learning_rate(optimizer: torch.optim.Optimizer, value: float) -> None:
    """Set it for every group."""
    for group in optimizer.param_groups:
        group["lr"] = value
