"""EKS: groups of each kind of node, each way to buy them, and what the cluster has beside."""

from __future__ import annotations

from typing import Any

from tests.architectures.shapes.batch import BLOCK, GROUP, RESERVATION

TYPES = (
    "g5.8xlarge",
    "p4d.24xlarge",
    "p4de.24xlarge",
    "p5.48xlarge",
    "p5e.48xlarge",
    "p5en.48xlarge",
    "p6-b200.48xlarge",
    "p6-b300.48xlarge",
    "p6e-gb200.36xlarge",
    "g6.12xlarge",
    "g6e.48xlarge",
    "trn1.32xlarge",
    "trn1n.32xlarge",
    "trn2.48xlarge",
    "m5.8xlarge",
    "c6in.32xlarge",
)
ADMINISTRATOR = "arn:aws:iam::123456789012:role/platform"
AMI = "ami-0123456789abcdef0"


def group(instance_type: str, name: str = "gpu", at_most: int = 4, **more: Any) -> dict[str, Any]:
    """A table of the parameter `groups`."""
    return {"name": name, "instance_type": instance_type, "at_most": at_most, **more}


BOUGHT = (
    group("p5.48xlarge", capacity="reservation", reservation=RESERVATION),
    group("p5en.48xlarge", capacity="reservation", reservation=GROUP, custom_ami=AMI),
    group("p5.48xlarge", at_least=4, capacity="capacity-block", reservation=BLOCK),
    group("g6.12xlarge", capacity="spot"),
)

VALUES = {
    "groups": (
        *((group(name),) for name in TYPES),
        *((one,) for one in BOUGHT),
        (),
        (group("trn1.32xlarge", "trn"), group("c6in.32xlarge", "cpu-only", custom_ami=AMI)),
    ),
    "storage": (None, "storage"),
    "bucket": ("s3", None),
    "version": ("1.35", "1.34"),
    "system_instance_type": ("m5.2xlarge", "c5.4xlarge"),
    "system_nodes": (2, 3),
    "root_gib": (200, 30),
    "administrators": ((), (ADMINISTRATOR,)),
    "allowed_addresses": ((), ("198.51.100.7/32", "203.0.113.0/24")),
    "kind": ("jobset", "pytorchjob", "trainjob", "mpijob", "job"),
    "image": (None, "123456789012.dkr.ecr.us-west-2.amazonaws.com/ours:1"),
    "agent": (None, "123456789012.dkr.ecr.us-west-2.amazonaws.com/seatrial:1"),
    "repair": (True, False),
    "log_days": (30, 3653),
    "network.zones": ((), ("usw2-az1", "usw2-az2", "usw2-az3")),
}

SHAPES = {
    "small": {},
    "large": {
        "storage": "storage",
        "groups": (
            group("p5.48xlarge", at_least=16, at_most=16, capacity="capacity-block", reservation=BLOCK),
            group("trn1.32xlarge", "trn", custom_ami=AMI),
        ),
        "allowed_addresses": ("203.0.113.0/24",),
    },
    "bare": {"groups": (), "bucket": None, "repair": False},
}
