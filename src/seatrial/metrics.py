"""The arithmetic behind MFU, and the phases of a step.

MFU (model FLOPs utilisation) = model FLOPs per second / peak FLOPs per second (PaLM, arXiv:2204.02311, appendix B).
Two conventions for the attention term are in use and differ by over 10 % at long sequences, so every figure is
printed with the name of its convention:

- ``full``: 6*N + 12*L*h*s per token: every position attends to all s positions.
- ``causal``: 6*N + 6*L*h*s per token: a causal mask leaves half of that work.

N counts the parameters that take part in a matrix product for one token: without the input embedding, which is a
look-up, and with only the routed experts of a mixture. L: layers, h: heads x head size, s: sequence length.
"""

from __future__ import annotations

from dataclasses import dataclass

FLOP_FORMULAS = {"full": "6N + 12Lhs", "causal": "6N + 6Lhs"}
"""Convention -> FLOPs per token for forward and backward."""

PHASES = ("data_wait", "forward", "backward", "optimizer", "checkpoint", "other")
"""The parts of a step's time, in order. They add up to the step's seconds."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Work:
    """The arithmetic that one token costs, and what the hardware could do at best."""

    flops_per_token: dict[str, float]
    """Convention -> model FLOPs for one token, forward and backward."""
    peak_flops: float | None
    """Dense peak FLOP/s of one rank's device at the run's dtype; None if unknown."""
    peak_source: str
    """Where the peak comes from: a hardware table entry, or how it was measured."""


def flops_per_token(*, parameters: int, layers: int, attention_width: int, sequence_length: int) -> dict[str, float]:
    """Model FLOPs per token by convention. `parameters` is N, `attention_width` is h of the module's docstring."""
    attention = layers * attention_width * sequence_length
    return {"full": 6.0 * parameters + 12.0 * attention, "causal": 6.0 * parameters + 6.0 * attention}


def mfu(tokens_per_second: float, work: Work, world_size: int) -> dict[str, float] | None:
    """MFU by convention; None where the peak is unknown. `tokens_per_second` is that of the whole job."""
    if not work.peak_flops or not work.flops_per_token:
        return None
    peak = work.peak_flops * world_size
    return {name: tokens_per_second * flops / peak for name, flops in work.flops_per_token.items()}
