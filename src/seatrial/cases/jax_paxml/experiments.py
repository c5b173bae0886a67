"""The published experiments of paxml 1.4.0 that this case starts: paxml.tasks.lm.params.lm_cloud, by their shapes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from seatrial.models import Decoder


class Experiment(NamedTuple):
    """A language model with a GELU network of four times its width, LayerNorm, and one matrix of embeddings."""

    num_layers: int
    model_dims: int
    dims_per_head: int = 128

    def parameters(self) -> int:
        """Of the layers, the last norm, the embeddings, and the biases of the logits."""
        width = self.model_dims
        attention = 4 * width * width + self.dims_per_head  # no biases; one scale for each dimension of a head
        network = 8 * width * width + 4 * width + width
        norm = 2 * width
        return self.num_layers * (attention + network + 2 * norm) + norm + VOCABULARY * (width + 1)

    def decoder(self, sequence_length: int) -> Decoder:
        """The same without biases and scales, a five-thousandth. Positions are added once, so nothing rotates; that
        rotations are counted costs less than a hundredth of a step."""
        return Decoder(
            vocab_size=VOCABULARY,
            hidden_size=self.model_dims,
            intermediate_size=4 * self.model_dims,
            num_layers=self.num_layers,
            num_heads=self.model_dims // self.dims_per_head,
            num_kv_heads=self.model_dims // self.dims_per_head,
            max_context=sequence_length,
            norm="layer",
            gated=False,
            tie_embeddings=True,
        )


VOCABULARY = 32_000

EXPERIMENTS: Mapping[str, Experiment] = {
    "LmCloudSpmdTest": Experiment(2, 64, 8),
    "LmCloudSpmd2B": Experiment(18, 3072),
    "LmCloudSpmd2BLimitSteps": Experiment(18, 3072),
    "LmCloudSpmd32B": Experiment(40, 8192),
    "LmCloudSpmd64B": Experiment(51, 10_240),
    "LmCloudSpmd128B": Experiment(71, 12_288),
}
"""Class -> its shape."""

XLA_FLAGS = (
    "--xla_gpu_enable_latency_hiding_scheduler=true",  # collectives overlap with computation
    "--xla_gpu_enable_triton_gemm=false",  # cuBLAS instead of generated kernels
    "--xla_gpu_simplify_all_fp_conversions",
    "--xla_gpu_enable_async_all_gather=true",
    "--xla_gpu_enable_async_reduce_scatter=true",
    "--xla_gpu_enable_async_all_reduce=true",
    "--xla_gpu_enable_highest_priority_async_stream=true",
    "--xla_gpu_all_reduce_combine_threshold_bytes=33554432",  # 32 MiB
    "--xla_gpu_graph_level=0",  # no CUDA graphs
)
"""What the published job gives XLA on GPUs; jaxlib 0.4.26 knows them all, newer ones do not."""
