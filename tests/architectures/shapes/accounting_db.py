"""Parameters of `accounting-db` that are worth trying, and those of its goldens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

VALUES: Mapping[str, Sequence[Any]] = {
    "user": ("slurm", "accounts"),
    "min_acu": (0.5, 16, 128),
    "max_acu": (4, 1, 128),
    "backup_days": (7, 1, 35),
    "network.zones": ((), ("us-west-2a", "us-west-2b")),
}

SHAPES: Mapping[str, Mapping[str, Any]] = {"default": {}}
