"""Batch: each kind of node, and each way to buy it."""

RESERVATION = "cr-0123456789abcdef0"
BLOCK = "cr-0123456789abcdef2"
GROUP = "arn:aws:resource-groups:us-west-2:123456789012:group/ours"
SECRET = "arn:aws:secretsmanager:us-west-2:123456789012:secret:hf-AbCdEf"
PARAMETER = "arn:aws:ssm:us-west-2:123456789012:parameter/ours"

TYPES = (
    "g5.8xlarge",
    "p4d.24xlarge",
    "p4de.24xlarge",
    "p5.48xlarge",
    "p5e.48xlarge",
    "p5en.48xlarge",
    "p6-b200.48xlarge",
    "p6-b300.48xlarge",
    "g5.xlarge",
    "g6.12xlarge",
    "g6e.48xlarge",
    "trn1.32xlarge",
    "trn1n.32xlarge",
    "trn2.48xlarge",
    "m5.8xlarge",
    "c6in.32xlarge",
)

VALUES = {
    "instance_type": TYPES,
    "storage": (None, "storage"),
    "bucket": ("s3", None),
    "at_least": (0, 2),
    "at_most": (4, 16),
    "capacity": ("on-demand", "reservation", "capacity-block"),
    "reservation": (None, RESERVATION, GROUP),
    "image": (None, "123456789012.dkr.ecr.us-west-2.amazonaws.com/ours:1"),
    "secrets": ({}, {"HF_TOKEN": SECRET, "WANDB_API_KEY": PARAMETER}),
    "shares": ({}, {"research": 3, "product": 1}),
    "custom_ami": (None, "ami-0123456789abcdef0"),
    "root_gib": (200, 30),
    "log_days": (30, 3653),
    "network.zones": ((), ("usw2-az1", "usw2-az2")),
}

SHAPES = {
    "small": {},
    "large": {
        "instance_type": "p5.48xlarge",
        "storage": "storage",
        "at_most": 16,
        "capacity": "capacity-block",
        "reservation": BLOCK,
        "shares": {"research": 3, "product": 1},
    },
    "bare": {"instance_type": "m5.8xlarge", "bucket": None},
}
