"""The prices that come with Seatrial: region -> item -> price. What nobody was certain of is missing.

Missing on purpose: spot prices, which change by the hour; on-demand prices of instances that AWS sells in Capacity
Blocks alone (p5e); SageMaker's ``ml.`` types; FSx for OpenZFS, whose price follows the deployment type; whatever is
billed by use (traffic, requests, Aurora's I/O).
"""

from __future__ import annotations

from collections.abc import Mapping

from seatrial.prices.entry import Price, Unit

_VIRGINIA, _OHIO, _OREGON = "us-east-1", "us-east-2", "us-west-2"

# The first was made by AWS's pricing API for us-east-1. The second lists types by zone, and was made by the price list
# files: it has r8i-flex (of 2025-08) and not yet p6-b300 (of 2025-11).
_API = ("https://github.com/aws/karpenter-provider-aws/blob/main/pkg/providers/pricing/zz_generated.pricing_aws.go",
        "2026-01-19")  # fmt: skip
_LIST = ("https://github.com/skypilot-org/skypilot-catalog/blob/master/catalogs/v8/aws/vms.csv", "2025-09")
_EC2_PAGE = ("https://aws.amazon.com/ec2/pricing/on-demand/", "2025")

_THREE: Mapping[str, float] = {
    "p4d.24xlarge": 21.957642, "p4de.24xlarge": 27.44705, "p5.4xlarge": 6.88, "p5.48xlarge": 55.04,
    "p5en.48xlarge": 63.296, "p6-b200.48xlarge": 113.9328,
    "g6e.xlarge": 1.861, "g6e.2xlarge": 2.24208, "g6e.4xlarge": 3.00424, "g6e.8xlarge": 4.52856,
    "g6e.12xlarge": 10.49264, "g6e.16xlarge": 7.57719, "g6e.24xlarge": 15.06559, "g6e.48xlarge": 30.13118,
}  # fmt: skip
"""USD an hour of Linux on shared hardware, in all three regions."""

_TWO: Mapping[str, float] = {
    "g4dn.xlarge": 0.526, "g4dn.2xlarge": 0.752, "g4dn.4xlarge": 1.204, "g4dn.8xlarge": 2.176,
    "g4dn.12xlarge": 3.912, "g4dn.16xlarge": 4.352, "g4dn.metal": 7.824,
    "g5.xlarge": 1.006, "g5.2xlarge": 1.212, "g5.4xlarge": 1.624, "g5.8xlarge": 2.448, "g5.12xlarge": 5.672,
    "g5.16xlarge": 4.096, "g5.24xlarge": 8.144, "g5.48xlarge": 16.288,
    "g6.xlarge": 0.8048, "g6.2xlarge": 0.9776, "g6.4xlarge": 1.3232, "g6.8xlarge": 2.0144, "g6.12xlarge": 4.6016,
    "g6.16xlarge": 3.3968, "g6.24xlarge": 6.6752, "g6.48xlarge": 13.3504,
    "trn1.2xlarge": 1.34375, "trn1.32xlarge": 21.50, "trn1n.32xlarge": 24.78,
    "c5n.18xlarge": 3.888, "c6in.32xlarge": 7.2576, "c5.2xlarge": 0.34, "c5.4xlarge": 0.68,
    "m5.2xlarge": 0.384, "m5.4xlarge": 0.768, "m5.8xlarge": 1.536, "m5.12xlarge": 2.304,
    "t2.small": 0.023, "t2.medium": 0.0464, "t3.small": 0.0208,
    "t3a.micro": 0.0094, "t3a.small": 0.0188, "t3a.medium": 0.0376, "t3a.large": 0.0752,
}  # fmt: skip
"""The same in Virginia, by the API, and in Oregon, by the page; of Ohio nobody was certain."""

_BLOCKS: Mapping[str, float] = {
    "p4d.24xlarge": 11.80, "p4de.24xlarge": 14.7663, "p5.4xlarge": 3.933, "p5.48xlarge": 31.464, "p5e.48xlarge": 39.799,
    "p5en.48xlarge": 41.612, "p6-b200.48xlarge": 74.88, "p6-b300.48xlarge": 93.60, "trn1.32xlarge": 9.532,
    "trn2.3xlarge": 2.235, "trn2.48xlarge": 35.7608,
}  # fmt: skip
"""USD an hour of an instance in a Capacity Block, in all regions but us-west-1. AWS revises them every few months, and
what counts is the price at which a block is bought."""


def _items(figures: Mapping[str, float], unit: Unit, said: tuple[str, str]) -> dict[str, Price]:
    source, date = said
    return {item: Price(usd=usd, unit=unit, source=source, date=date) for item, usd in figures.items()}


def _instances(figures: Mapping[str, float], said: tuple[str, str]) -> dict[str, Price]:
    return _items({f"ec2/{name}": usd for name, usd in figures.items()}, "hour", said)


def _merged(*parts: Mapping[str, Price]) -> dict[str, Price]:
    return {item: one for part in parts for item, one in part.items()}


_BLOCKS_PAGE = ("https://aws.amazon.com/ec2/capacityblocks/pricing/", "2026-01-31")
_VPC = ("https://aws.amazon.com/vpc/pricing/", "2025")
_ENDPOINTS = ("https://aws.amazon.com/privatelink/pricing/", "2025")
_BALANCERS = ("https://aws.amazon.com/elasticloadbalancing/pricing/", "2025")
_AURORA = ("https://aws.amazon.com/rds/aurora/pricing/", "2025")
_SECRETS = ("https://aws.amazon.com/secrets-manager/pricing/", "2025")
_EKS = ("https://aws.amazon.com/eks/pricing/", "2025")
_EBS = ("https://aws.amazon.com/ebs/pricing/", "2025")
_LUSTRE = ("https://aws.amazon.com/fsx/lustre/pricing/", "2025")


def _beside() -> dict[str, Price]:
    """What costs the same in Virginia, Ohio and Oregon."""
    # Of Persistent 2 on SSD, by the throughput of a TiB.
    lustre = {f"fsx-lustre/{step}": usd for step, usd in {125: 0.145, 250: 0.210, 500: 0.340, 1000: 0.600}.items()}
    return _merged(
        _items({"nat-gateway": 0.045, "public-ipv4": 0.005}, "hour", _VPC),
        _items({"vpc-endpoint": 0.01}, "hour", _ENDPOINTS),
        _items(lustre, "GiB-month", _LUSTRE),
        _items({"network-load-balancer": 0.0225}, "hour", _BALANCERS),  # without its capacity units
        _items({"aurora-acu": 0.12}, "hour", _AURORA),
        _items({"aurora-storage": 0.10}, "GiB-month", _AURORA),
        _items({"eks-cluster": 0.10}, "hour", _EKS),  # in standard support; in extended support 0.60
        _items({f"capacity-block/{name}": usd for name, usd in _BLOCKS.items()}, "hour", _BLOCKS_PAGE),
        _items({"secret": 0.40}, "month", _SECRETS),
        _items({"ebs/gp3": 0.08}, "GiB-month", _EBS),
    )


PRICES: Mapping[str, Mapping[str, Price]] = {
    _VIRGINIA: _merged(_instances({**_THREE, **_TWO}, _API), _beside()),
    _OHIO: _merged(_instances(_THREE, _LIST), _beside()),
    _OREGON: _merged(_instances(_THREE, _LIST), _instances(_TWO, _EC2_PAGE), _beside()),
}
