"""What AWS measured, where it can be right: in tokens, padding included, since every protein was padded to full length.

Left out: ESM-2 150M with torch.compile, which no recipe has, and 4.36 million samples/s of it on two p5.48xlarge, which
would be 1.3e17 FLOP/s of each GPU.
"""

from __future__ import annotations

from collections.abc import Mapping

from seatrial.spec import Published

_TABLE = "AWS, awsome-distributed-training (2026-02), 23.SMHP-esm2/README.md"
_LOG = "AWS, awsome-distributed-training (2024), 14.bionemo/README.md: 1.73 it/s of 8192 samples"


def _tokens(samples: float, length: int, instance_type: str, nodes: int, gpus: int, source: str) -> Published:
    return Published(
        metric="tokens/s per accelerator",
        value=round(samples * length / gpus),
        instance_type=instance_type,
        nodes=nodes,
        source=f"{source}; {samples:g} samples/s x {length} tokens / {gpus}",
    )


_SAMPLES: Mapping[tuple[str, int], float] = {("ddp", 8): 160, ("ddp", 14): 253, ("fsdp2", 14): 162}
"""Parallelism and proteins per GPU -> samples/s of two g5.12xlarge, with 4 A10G each, at 512 tokens."""

ESM2_150M: Mapping[tuple[str, int], tuple[Published, ...]] = {
    row: (_tokens(samples, 512, "g5.12xlarge", 2, 8, _TABLE),) for row, samples in _SAMPLES.items()
}
ESM1NV = (_tokens(1.73 * 8192, 512, "p4de.24xlarge", 4, 32, _LOG),)
