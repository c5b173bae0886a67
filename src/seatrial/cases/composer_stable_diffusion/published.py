"""What AWS measured with mosaicml/diffusion-benchmark: Composer 0.15.0, torch 2.1, fp16, a batch of 2048.

Its ``--use_synth_data`` makes random images of 512 pixels and captions, so the frozen autoencoder and text encoder run
in every step. The log of two nodes beside the chart (12.45 s per batch, 164 images/s) contradicts it and is left out.
"""

from __future__ import annotations

from collections.abc import Mapping

from seatrial.spec import Published

_FOLDER = "AWS, awsome-distributed-training (2023), 6.stable-diffusion"
_TABLE = f"{_FOLDER}/README.md"
_CHART = f"{_FOLDER}/multi-node/p5-model-scaling-eks.png, read off a chart, +-2 %"

_IMAGES_PER_SECOND: Mapping[tuple[int, bool], tuple[float, float]] = {
    (4, True): (142.69, 189.28),
    (8, True): (173.89, 289.19),
    (12, True): (185.18, 329.55),
    (16, True): (192.85, 353.81),
    (20, True): (197.47, 358.68),
    (20, False): (197.90, 361.15),
    (32, True): (204.22, 385.31),
}
"""Micro-batch and EMA -> images/s of one p4de.24xlarge and one p5.48xlarge."""

MICRO_BATCHES = (4, 8, 12, 16, 20, 32)

SCALES: Mapping[int, float] = {2: 390, 4: 750, 8: 1370, 16: 2380, 32: 4075, 64: 5510}
"""Nodes of p5.48xlarge -> images/s at micro-batch 4 with EMA. The chart's other points (12, 24, 40, 48, 56 nodes) are
left out: 2048 does not divide by their GPUs, so that the benchmark's batches were smaller."""


def single_node(micro_batch_size: int, ema: bool) -> tuple[Published, ...]:
    """The figures of one node; none where nobody measured."""
    if (micro_batch_size, ema) not in _IMAGES_PER_SECOND:
        return ()
    p4de, p5 = _IMAGES_PER_SECOND[micro_batch_size, ema]
    return (_images(p4de, "p4de.24xlarge", 1, _TABLE), _images(p5, "p5.48xlarge", 1, _TABLE))


def scaled(nodes: int) -> tuple[Published, ...]:
    """The chart's figure of several nodes."""
    return (_images(SCALES[nodes], "p5.48xlarge", nodes, _CHART),)


def _images(value: float, instance_type: str, nodes: int, source: str) -> Published:
    return Published(metric="samples/s", value=value, instance_type=instance_type, nodes=nodes, source=source)
