"""HyperPod on EKS: kinds of groups and jobs, with an EKS cluster that it takes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from seatrial.architectures._hyperpod import Group
from seatrial.architectures.hyperpod_eks import Restricted
from tests.architectures.shapes.hyperpod_slurm import AMI, EVERYWHERE, PLAN

EKS: dict[str, Any] = {"cluster.hyperpod": True, "cluster.groups": (), "cluster.version": "1.34"}
"""What the deployment of eks must be."""
OPERATOR = "v1.0.1-eksbuild.1"

LARGE = (
    Group(name="gpu", instance_type="p5.48xlarge", count=16, deep_health_checks=True),
    Group(name="cpu", instance_type="m5.8xlarge", count=4, threads_per_core=2, volume_gib=1000),
)
RESTRICTED = (Restricted(name="nova", instance_type="p5.48xlarge", count=4, lustre_gib=4800, lustre_throughput=500),)

VALUES = {
    **{parameter: (value,) for parameter, value in EKS.items()},
    "groups": (
        (Group(name="gpu", instance_type="g5.8xlarge", count=2),),
        (replace(LARGE[0], training_plan=PLAN), LARGE[1]),
        tuple(Group(name=name.replace(".", "-"), instance_type=name, count=2) for name in EVERYWHERE),
        (),
    ),
    "restricted": ((), RESTRICTED),
    "storage": (None, "storage"),
    "cluster.storage": (None, "storage"),
    "node_recovery": ("Automatic", "None"),
    "task_governance": (True, False),
    "training_operator": (None, OPERATOR),
    "kind": (None, "jobset", "pytorchjob", "trainjob", "mpijob", "job"),
    "image": (None, "123456789012.dkr.ecr.us-west-2.amazonaws.com/ours:1"),
    "agent": (None, "123456789012.dkr.ecr.us-west-2.amazonaws.com/seatrial:1"),
    "repair": ("none", "reboot", "replace"),
}

SHAPES = {
    "small": EKS,
    "large": {
        **EKS,
        "storage": "storage",
        "cluster.storage": "storage",
        "groups": (*LARGE, Group(name="trn", instance_type="trn1.32xlarge", count=4, custom_ami=AMI)),
        "restricted": RESTRICTED,
        "training_operator": OPERATOR,
        "agent": "123456789012.dkr.ecr.us-west-2.amazonaws.com/seatrial:1",
        "repair": "replace",
    },
}
