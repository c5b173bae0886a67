"""How many vCPUs of on-demand instances an account may run: EC2's service quotas."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple


class Quota(NamedTuple):
    """A quota of EC2, over all instances of some families in a region."""

    code: str
    name: str


_STANDARD = Quota("L-1216C47A", "Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances")
QUOTAS: Mapping[str, Quota] = {
    "p": Quota("L-417A185B", "Running On-Demand P instances"),
    "g": Quota("L-DB2E81BA", "Running On-Demand G and VT instances"),
    "trn": Quota("L-2C3B7624", "Running On-Demand Trn instances"),
    "hpc": Quota("L-F7808C92", "Running On-Demand HPC instances"),
    **dict.fromkeys("acdhimrtz", _STANDARD),
}
"""Letters with which the name of an instance type begins -> its quota, counted in vCPUs. Spot instances and Capacity
Blocks have quotas of their own. https://docs.aws.amazon.com/ec2/latest/instancetypes/ec2-instance-quotas.html"""


def quota_of(instance_type: str) -> Quota | None:
    """That of ``p5.48xlarge``; None: not known."""
    letters = re.match(r"[a-z]*", instance_type)
    return QUOTAS.get(letters[0]) if letters else None
