"""Facts of torch, CUDA, cuDNN and NCCL, as a process finds them. torch is imported when they are collected."""

from __future__ import annotations

import re
from functools import partial
from typing import Any

from seatrial.checks.environment.facts import Collector, Value

SETTINGS = (
    "cuda.is_available",
    "version.cuda",
    "backends.cuda.is_built",
    "backends.cuda.matmul.allow_tf32",
    "backends.cuda.matmul.allow_fp16_reduced_precision_reduction",
    "backends.cuda.cufft_plan_cache",
    "backends.cuda.preferred_linalg_library",
    "backends.cuda.flash_sdp_enabled",
    "backends.cuda.math_sdp_enabled",
    "backends.cudnn.version",
    "backends.cudnn.is_available",
    "backends.cudnn.enabled",
    "backends.cudnn.allow_tf32",
    "backends.cudnn.deterministic",
    "backends.cudnn.benchmark",
    "backends.cudnn.benchmark_limit",
    "backends.mkl.is_available",
    "backends.mkldnn.is_available",
    "backends.openmp.is_available",
    "backends.opt_einsum.is_available",
    "backends.opt_einsum.get_opt_einsum",
    "backends.opt_einsum.enabled",
    "backends.opt_einsum.strategy",
    "distributed.is_available",
    "distributed.is_mpi_available",
    "distributed.is_nccl_available",
)
"""The 26 settings of torch that the screen of awsome-distributed-training prints (1.pytorch-env-validation)."""


def collect(found: Collector, device: Any) -> None:
    """Facts of torch, and of `device` where it is a GPU."""
    import torch

    found.add("torch", lambda: torch.__version__)
    found.add("torch.git", lambda: torch.version.git_version)
    for name in SETTINGS:
        found.add(f"torch.{name}", partial(setting, torch, name))
    found.add("torch.float32_matmul_precision", torch.get_float32_matmul_precision)
    found.add("torch.deterministic", torch.are_deterministic_algorithms_enabled)
    found.add("threads.torch", torch.get_num_threads)
    found.add("threads.interop", torch.get_num_interop_threads)
    built = torch.version.cuda is not None
    found.add("nccl", lambda: ".".join(map(str, torch.cuda.nccl.version())) if built else None)
    found.add("torch.architectures", lambda: " ".join(torch.cuda.get_arch_list()) if built else None)
    if device.type == "cuda":
        _gpu(found, torch, device)


def _gpu(found: Collector, torch: Any, device: Any) -> None:
    found.add("device.index", lambda: device.index)
    found.add("device.count", torch.cuda.device_count)
    found.add("device.name", lambda: torch.cuda.get_device_name(device))
    found.add("device.capability", lambda: "{}.{}".format(*torch.cuda.get_device_capability(device)))
    found.add("device.memory", lambda: torch.cuda.get_device_properties(device).total_memory)
    found.add("device.processors", lambda: torch.cuda.get_device_properties(device).multi_processor_count)
    found.add("device.uuid", lambda: str(torch.cuda.get_device_properties(device).uuid))


def setting(torch: Any, name: str) -> Value:
    """What a setting is in this process. None: it does not exist in this torch, or has no value."""
    value = torch
    for part in name.split("."):
        value = getattr(value, part, None)
    value = value() if callable(value) else value
    if name == "backends.cudnn.version" and isinstance(value, int):
        return cudnn_version(value)
    if value is None or isinstance(value, str | int | float | bool):
        return value
    if name.endswith("cufft_plan_cache"):  # an object: each device has a cache, of as many plans
        return value[torch.cuda.current_device()].max_size if torch.cuda.is_available() else None
    if hasattr(value, "__name__"):  # a module
        return f"{value.__name__} {getattr(value, '__version__', '')}".strip()
    return re.sub(r"<(.*): \d+>", r"\1", repr(value)).rpartition(".")[2]


def cudnn_version(number: int) -> str:
    """``9.13.1`` of 91301; of 8902, as it was before cuDNN 9, ``8.9.2``."""
    major, rest = divmod(number, 10_000 if number >= 90_000 else 1_000)
    return f"{major}.{rest // 100}.{rest % 100}"
