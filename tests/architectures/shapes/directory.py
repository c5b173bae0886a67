"""Parameters of `directory` that are worth trying, and those of its goldens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

VALUES: Mapping[str, Sequence[Any]] = {
    "domain": ("cluster.internal", "hpc.example.org"),
    "instance_type": ("t3a.small", "m5.2xlarge"),
    "image": (None, "ami-0123456789abcdef0"),
    "data_gib": (1, 8, 16384),
    "volume_id": (None, "vol-0123456789abcdef0"),
}

SHAPES: Mapping[str, Mapping[str, Any]] = {"default": {}, "existing": {"volume_id": "vol-0123456789abcdef0"}}
