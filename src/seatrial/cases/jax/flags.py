"""XLA's flags for GPUs, each with its reason. XLA ends a process that is given a flag which it does not know."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Flag(NamedTuple):
    """A flag of XLA."""

    value: str
    reason: str


FLAGS: Mapping[str, Flag] = {
    "xla_gpu_enable_latency_hiding_scheduler": Flag("true", "moves collectives so that they overlap with computation"),
    "xla_gpu_enable_highest_priority_async_stream": Flag("true", "a collective does not queue behind computation"),
    "xla_gpu_enable_pipelined_all_gather": Flag("true", "gathers the next layer's weights while this one computes"),
    "xla_gpu_enable_pipelined_reduce_scatter": Flag("true", "scatters a layer's gradients while the next one computes"),
    "xla_gpu_enable_pipelined_all_reduce": Flag("true", "the same for copies of the weights"),
    "xla_gpu_enable_while_loop_double_buffering": Flag("true", "the loop over layers needs it for the three above"),
    "xla_gpu_all_gather_combine_threshold_bytes": Flag("134217728", "128 MiB: one large message instead of many"),
    "xla_gpu_reduce_scatter_combine_threshold_bytes": Flag("134217728", "the same"),
    "xla_gpu_all_reduce_combine_threshold_bytes": Flag("134217728", "the same"),
    "xla_gpu_enable_triton_gemm": Flag("false", "cuBLAS multiplies large matrices faster than generated kernels"),
}
"""What jobs on GPUs get, beside what the user's own XLA_FLAGS say. Sources, looked at on 2026-11-28:
https://docs.nvidia.com/jax-toolbox/performance-profiling/gpu-performance and
https://docs.jax.dev/en/latest/gpu_performance_tips.html"""

GONE: Mapping[str, str] = {
    "xla_gpu_simplify_all_fp_conversions": "it is what XLA does anyway",
    "xla_gpu_enable_async_all_gather": "collectives are asynchronous",
    "xla_gpu_enable_async_reduce_scatter": "collectives are asynchronous",
    "xla_gpu_enable_async_all_reduce": "collectives are asynchronous",
    "xla_gpu_graph_level": "xla_gpu_enable_command_buffer= turns CUDA graphs off",
}
"""Flags of the old Paxml job with which jaxlib 0.10.2 does not start -> what there is instead."""


def xla_flags(device: str, own: str) -> str:
    """XLA_FLAGS of a rank: ours for its device, and the user's `own`, of which the last word counts."""
    ours = [f"--{name}={flag.value}" for name, flag in FLAGS.items()] if device == "cuda" else []
    return " ".join([*ours, *own.split()])
