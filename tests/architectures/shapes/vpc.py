"""The network."""

EXISTING = {
    "vpc_id": "vpc-0123456789abcdef0",
    "cidr": "172.31.0.0/16",
    "zones": ("us-west-2a", "us-west-2b"),
    "private_subnets": ("subnet-0123456789abcdef0", "subnet-0123456789abcdef1"),
}

VALUES = {
    "zones": ((), ("us-west-2b",), ("usw2-az1", "us-west-2a"), ("use1-az4",), ("eun1-az1", "eun1-az2", "eun1-az3")),
    "cidr": (None, "10.64.0.0/18", "172.31.0.0/16"),
    "public": (True, False),
    "nat": ("one", "each-zone", "none"),
    "endpoints": ((), ("ssm", "ecr.dkr"), ("eks-auth",)),
    "flow_log_days": (30, 731),
    "vpc_id": (None, "vpc-0123456789abcdef0", "vpc-01234567"),
    "private_subnets": ((), ("subnet-0123456789abcdef0",), ("subnet-01234567", "subnet-0123456789abcdef1")),
    "public_subnets": ((), ("subnet-0123456789abcdef2",)),
    "security_group": (None, "sg-0123456789abcdef0"),
}

SHAPES = {
    "two-zones": {},
    "one-zone": {"zones": ("usw2-az2",), "nat": "each-zone", "endpoints": ("ssm",)},
    "existing": {**EXISTING, "security_group": "sg-0123456789abcdef0"},
}
