"""ParallelCluster: each kind of node, and each way to buy it."""

from dataclasses import replace

from seatrial.architectures.parallelcluster import Queue

RESERVATION = "cr-0123456789abcdef0"
GROUP = "arn:aws:resource-groups:us-west-2:123456789012:group/ours"
AMI = "ami-0123456789abcdef0"

TYPES = (
    *("p4d.24xlarge", "p4de.24xlarge", "p5.4xlarge", "p5.48xlarge", "p5e.48xlarge", "p5en.48xlarge"),
    *("p6-b200.48xlarge", "p6-b300.48xlarge", "g5.xlarge", "g5.48xlarge", "g6.12xlarge", "g6e.48xlarge"),
    *("trn1.32xlarge", "trn1n.32xlarge", "trn2.48xlarge", "c5n.18xlarge", "m5.8xlarge"),
)

CPU = Queue(name="cpu", instance_type="m5.8xlarge", at_most=16)
BOUGHT = (
    Queue(name="gpu", instance_type="p5.48xlarge", at_most=4),
    Queue(name="gpu", instance_type="p5.48xlarge", at_most=4, capacity="spot"),
    Queue(name="gpu", instance_type="p5en.48xlarge", at_most=4, capacity="reservation", reservation=RESERVATION),
    Queue(name="gpu", instance_type="p5e.48xlarge", at_most=4, capacity="reservation", reservation=GROUP),
    Queue(
        name="gpu",
        instance_type="p6-b200.48xlarge",
        at_least=2,
        at_most=2,
        capacity="capacity-block",
        reservation=RESERVATION,
        custom_ami=AMI,
    ),
)

VALUES = {
    "queues": (
        *((Queue(name="nodes", instance_type=name, at_most=2),) for name in TYPES),
        *((one, CPU) for one in BOUGHT),
    ),
    "bucket": ("s3", None),
    "accounting": (None, "accounting-db"),
    "directory": (None, "directory"),
    "head_instance_type": ("m5.2xlarge", "m5.8xlarge"),
    "login_nodes": (0, 2),
    "key_pair": (None, "ours"),
    "os": ("ubuntu2204", "ubuntu2404", "alinux2023", "rhel9", "rocky9"),
    "custom_ami": (None, AMI),
    "containers": (True, False),
    "health_checks": (True, False),
    "slurm": ({}, {"KillOnBadExit": "1"}),
    "dashboard": (True, False),
    "detailed_monitoring": (False, True),
    "network.zones": ((), ("usw2-az1", "usw2-az2")),
}

SHAPES = {
    "small": {},
    "large": {
        "queues": (BOUGHT[4], replace(BOUGHT[2], name="reserved"), CPU),
        "accounting": "accounting-db",
        "directory": "directory",
        "login_nodes": 2,
        "head_instance_type": "m5.8xlarge",
    },
    "bare": {
        "queues": (Queue(name="trn", instance_type="trn2.48xlarge", at_least=1, at_most=4, custom_ami=AMI),),
        "bucket": None,
        "storage.bucket": None,
        "containers": False,
        "os": "alinux2023",
    },
}
