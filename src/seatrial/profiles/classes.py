"""What a kernel, an operator or a copy is for, by its name.

Names are those of CUDA 12 and 13, cuDNN, CUTLASS, FlashAttention, Triton as torch.compile (2.13) names it, NCCL 2.18
and newer, and of ATen's operators. What no pattern knows is ``other``.
"""

from __future__ import annotations

import re
from functools import cache

CLASSES = ("optimizer", "attention", "matrix product", "other", "communication", "copy", "idle")
"""In this order a moment is charged: to the first of those that run in it."""
COMPUTE = CLASSES[:4]

_KERNELS = (
    ("communication", r"^(void )?nccl|^rccl|nvshmem|all_?gather|reduce_?scatter|all_?reduce|all_?to_?all|^gloo:"),
    ("copy", r"^(gpu_)?mem(cpy|set)\b|^\[cuda mem"),
    ("attention", r"flash|fmha|attention|sdpa|softmax_warp|\bmha_"),
    ("matrix product", r"gemm|cutlass|nvjet|xmma|cublas|wgrad|dgrad|convolve|implicit_convolve|winograd|\bmm\b"),
    ("optimizer", r"adam|lamb|lion|sgd|multi_tensor_apply|optim"),
)
_OPERATORS = (
    ("communication", r"^(gloo|mpi|ucc):"),
    ("attention", r"(?i)scaled_?dot_?product|flash_?attention|efficient_?attention|_attention"),
    (
        "matrix product",
        r"^aten::(mm|addmm|bmm|baddbmm|matmul|linear|addmv|mv|dot|einsum|_int_mm|_scaled_mm|_grouped_mm)$",
    ),
    ("matrix product", r"^aten::(mkldnn_|_mps_|cudnn_|slow_)?_?conv|^aten::mkldnn_linear|^mkldnn::|^onednn"),
    ("copy", r"^aten::(copy_|_to_copy|to|pin_memory|_foreach_copy_|cat|split_with_sizes_copy)$"),
    ("optimizer", r"^aten::_(fused|foreach)_?(adam|sgd|adagrad)|adamw?_$"),
)
_NO_WORK = re.compile(
    r"^(c10d::|record_param_comms|autograd::engine|Optimizer\.|ProfilerStep|torch/|nn\.Module|DataLoader)"
)
"""Operators that only stand around others, or hand work to another thread."""

_OPERATIONS = (
    "allgather", "reducescatter", "allreduce", "alltoall", "broadcast", "sendrecv", "barrier", "gather", "scatter",
    "reduce", "send", "recv",
)  # fmt: skip
_SPELT = {
    "allgather": "all_gather",
    "reducescatter": "reduce_scatter",
    "allreduce": "all_reduce",
    "alltoall": "all_to_all",
    "sendrecv": "send_recv",
}


def of_kernel(name: str) -> str:
    """The class of what a device did."""
    return next((kind for kind, pattern in _KERNELS if re.search(pattern, name, re.IGNORECASE)), "other")


def of_operator(name: str) -> str:
    """The class of what a host did; empty for what does no work of its own."""
    if _NO_WORK.search(name):
        return ""
    return next((kind for kind, pattern in _OPERATORS if re.search(pattern, name)), "other")


@cache
def operation(name: str) -> str:
    """``all_gather`` of ncclDevKernel_AllGather_RING_LL, _allgather_base, gloo:all_gather; else the name itself."""
    letters = re.sub(r"[^a-z]", "", name.lower())
    found = next((spelt for spelt in _OPERATIONS if spelt in letters), None)
    return _SPELT.get(found, found) if found else name
