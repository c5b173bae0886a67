"""HyperPod with Slurm: each kind of node, and each way to buy it."""

from dataclasses import replace

from seatrial.architectures._hyperpod import Group
from seatrial.architectures.hyperpod_slurm import User

PLAN = "arn:aws:sagemaker:us-west-2:123456789012:training-plan/ours"
AMI = "ami-0123456789abcdef0"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIMtkDpM3dGp1nKBbWmBtyJAUDC1TUXDyrd0rYXIKr1Xq ann@example.com"


EVERYWHERE = ("p4d.24xlarge", "p4de.24xlarge", "p5.48xlarge", "p5en.48xlarge", "g5.xlarge", "g6.12xlarge",
              "g6e.48xlarge", "c5n.18xlarge", "trn1.32xlarge", "trn1n.32xlarge")  # fmt: skip
"""Instance types that cfn-lint knows for HyperPod in every region of the tests: of others it says where they lack."""
ELSEWHERE = ("p5.4xlarge", "p5e.48xlarge", "p6-b200.48xlarge", "p6-b300.48xlarge", "trn2.48xlarge")


def _groups(*types: str) -> tuple[Group, ...]:
    return tuple(Group(name=name.replace(".", "-"), instance_type=name, count=2) for name in types)


LARGE = (
    Group(name="gpu", instance_type="p5.48xlarge", count=16, deep_health_checks=True),
    Group(name="cpu", instance_type="m5.8xlarge", count=4, threads_per_core=2, volume_gib=1000),
)
PLANNED = (replace(LARGE[0], training_plan=PLAN), LARGE[1])

VALUES = {
    "workers": (
        (Group(name="gpu", instance_type="g5.8xlarge", count=2),),
        PLANNED,
        _groups(*EVERYWHERE),
    ),
    "accounting": (None, "accounting-db"),
    "directory": (None, "directory"),
    "storage.bucket": ("s3", None),
    "controller_instance_type": ("m5.2xlarge", "m5.8xlarge"),
    "login_nodes": (0, 2),
    "volume_gib": (500, 100),
    "ssh_keys": ((), (KEY,)),
    "users": ((), (User(name="ann", uid=10001, ssh_keys=(KEY,)),)),
    "slurm": ({}, {"KillOnBadExit": "1"}),
    "containers": (True, False),
    "package": (None, "seatrial==1.0"),
    "health_checks": (False, True),
    "observability": (False, True),
    "node_recovery": ("Automatic", "None"),
    "network.zones": ((), ("usw2-az1", "usw2-az2")),
}

SHAPES = {
    "small": {},
    "large": {
        "workers": LARGE,
        "accounting": "accounting-db",
        "directory": "directory",
        "login_nodes": 2,
        "ssh_keys": (KEY,),
        "containers": True,
        "package": "seatrial==1.0",
        "health_checks": True,
        "observability": True,
    },
    "bare": {
        "workers": (Group(name="trn", instance_type="trn1.32xlarge", count=4, custom_ami=AMI),),
        "storage.bucket": None,
        "node_recovery": "None",
    },
}
