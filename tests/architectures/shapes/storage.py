"""Parameters of `storage` that are worth trying, and those of its goldens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

LUSTRE = {"lustre_id": "fs-0123456789abcdef0", "lustre_mount_name": "abcdefgh"}
HOME = {"home_id": "fs-0fedcba9876543210", "home_volume_id": "fsvol-0123456789abcdef0"}

VALUES: Mapping[str, Sequence[Any]] = {
    # Defaults first: beside what is there already, others are refused.
    "bucket": ("s3", None),
    "bucket_prefix": ("data", "datasets/text"),
    "bucket_folder": ("/s3", "/data/bucket"),
    "bucket_sync": ("both", "import", "export"),
    "lustre_gib": (1200, 4800, 38400),
    "lustre_throughput": (250, 125, 500, 1000),
    "lustre_efa": (False, True),
    "home_gib": (256, 64, 524288),
    "home_throughput": (320, 64, 10240),
    "home_deployment": ("SINGLE_AZ_HA_2", "SINGLE_AZ_HA_1"),
    "home_backup_days": (7, 0, 90),
    **{name: (None, value) for name, value in {**LUSTRE, **HOME}.items()},
}

SHAPES: Mapping[str, Mapping[str, Any]] = {
    "default": {},
    "efa": {"lustre_gib": 4800, "lustre_throughput": 1000, "lustre_efa": True, "bucket_prefix": "datasets"},
    "existing": {**LUSTRE, **HOME, "bucket": None},
}
