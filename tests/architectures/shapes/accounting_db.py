"""Parameters of `accounting-db` that are worth trying, and those of its goldens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

VALUES: Mapping[str, Sequence[Any]] = {
    "user": ("slurm", "accounts"),
    "min_acu": (0, 0.5, 16, 256),
    "max_acu": (1, 4, 256),
    "backup_days": (1, 7, 35),
    "network.zones": ((), ("us-west-2a", "us-west-2b"), ("us-west-2a",)),
}

SHAPES: Mapping[str, Mapping[str, Any]] = {"default": {}}
