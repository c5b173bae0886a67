"""ParallelCluster: each kind of node, and each way to buy it."""

from seatrial.architectures.parallelcluster import Queue

RESERVATION = "cr-0123456789abcdef0"
TRAINIUM = "cr-0123456789abcdef1"
BLOCK = "cr-0123456789abcdef2"
GROUP = "arn:aws:resource-groups:us-west-2:123456789012:group/ours"
AMI = "ami-0123456789abcdef0"


def _queues(*types: str) -> tuple[Queue, ...]:
    return tuple(Queue(name=name.replace(".", "-"), instance_type=name, at_most=2) for name in types)


BOUGHT = (
    Queue(name="free", instance_type="p5.48xlarge", at_most=4),
    Queue(name="cheap", instance_type="g5.12xlarge", at_most=4, capacity="spot"),
    Queue(name="reserved", instance_type="p5en.48xlarge", at_most=4, capacity="reservation", reservation=RESERVATION),
    Queue(name="group", instance_type="p5e.48xlarge", at_most=4, capacity="reservation", reservation=GROUP),
    Queue(
        name="block",
        instance_type="p6-b200.48xlarge",
        at_least=2,
        at_most=2,
        capacity="capacity-block",
        reservation=BLOCK,
        custom_ami=AMI,
    ),
)

VALUES = {
    "queues": (
        (Queue(name="gpu", instance_type="g5.8xlarge", at_most=4),),
        BOUGHT,
        _queues("p4d.24xlarge", "p4de.24xlarge", "p5.4xlarge", "p5.48xlarge", "p5e.48xlarge", "p6-b300.48xlarge"),
        _queues("g5.xlarge", "g5.48xlarge", "g6.12xlarge", "g6e.48xlarge", "m5.8xlarge", "c5n.18xlarge"),
        _queues("trn1.32xlarge", "trn1n.32xlarge", "trn2.48xlarge"),
    ),
    "accounting": (None, "accounting-db"),
    "directory": (None, "directory"),
    "bucket": ("s3", None),
    "storage.bucket": ("s3", None),
    "head_instance_type": ("m5.2xlarge", "m5.8xlarge"),
    "login_nodes": (0, 2),
    "key_pair": (None, "ours"),
    "os": ("ubuntu2204", "alinux2023", "rocky9"),
    "custom_ami": (None, AMI),
    "containers": (True, False),
    "health_checks": (True, False),
    "slurm": ({}, {"KillOnBadExit": "1"}),
    "dashboard": (True, False),
    "network.zones": ((), ("usw2-az1", "usw2-az2")),
}

SHAPES = {
    "small": {},
    "large": {
        "queues": (BOUGHT[0], BOUGHT[2], BOUGHT[4], Queue(name="cpu", instance_type="m5.8xlarge", at_most=16)),
        "accounting": "accounting-db",
        "directory": "directory",
        "login_nodes": 2,
        "head_instance_type": "m5.8xlarge",
    },
    "bare": {
        "queues": (
            Queue(
                name="trn",
                instance_type="trn1.32xlarge",
                at_least=1,
                at_most=4,
                capacity="reservation",
                reservation=TRAINIUM,
                custom_ami=AMI,
            ),
        ),
        "bucket": None,
        "storage.bucket": None,
        "containers": False,
        "os": "alinux2023",
    },
}
