"""What lies in the folder of the bucket from which nodes run what makes them part of the cluster."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

from seatrial.architectures._architecture import Facts
from seatrial.architectures.hyperpod_slurm import Params
from seatrial.architectures.hyperpod_slurm.provisioning import files


def bundle(params: Params, facts: Facts) -> dict[str, str]:
    """Path -> text of every file."""
    return files(params, facts)


def digest(files: Mapping[str, str]) -> str:
    """A digest of their content."""
    return hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()[:16]
