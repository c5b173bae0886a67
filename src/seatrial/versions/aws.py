"""Versions of AWS's services and of what is deployed with them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from seatrial.versions.pins import Pin

_REGIONS = (
    "af-south-1", "ap-east-1", "ap-northeast-1", "ap-northeast-2", "ap-south-1", "ap-southeast-1", "ap-southeast-2",
    "ap-southeast-3", "ap-southeast-5", "ap-southeast-7", "ca-central-1", "cn-north-1", "cn-northwest-1",
    "eu-central-1", "eu-north-1", "eu-south-1", "eu-west-1", "eu-west-2", "eu-west-3", "il-central-1", "me-south-1",
    "sa-east-1", "us-east-1", "us-east-2", "us-iso-east-1", "us-iso-west-1", "us-isob-east-1", "us-gov-east-1",
    "us-gov-west-1", "us-west-1", "us-west-2",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class ParallelCluster:
    """A version of AWS ParallelCluster, and what it takes."""

    version: str
    systems: Mapping[str, str]
    """Operating system of nodes -> its default user."""
    without_ami: tuple[str, ...]
    """Those that ParallelCluster publishes no AMI of."""
    regions: tuple[str, ...]


PARALLELCLUSTER = ParallelCluster(
    version="3.16.1",  # 3.16.3 is out, untried
    systems={
        "alinux2023": "ec2-user",
        "ubuntu2204": "ubuntu",
        "ubuntu2404": "ubuntu",
        "rhel8": "ec2-user",
        "rocky8": "rocky",
        "rhel9": "ec2-user",
        "rocky9": "rocky",
    },
    without_ami=("rocky8", "rocky9"),
    regions=_REGIONS,
)
"""The version that clusters are made with. Its lists stand in the package: SUPPORTED_OSES, OS_MAPPING and PRIVATE_OSES
of pcluster/constants.py, pcluster/resources/supported-regions. A trial compares them."""


LUSTRE = "2.15"
"""Lustre of FSx for Lustre: the newest that it offers, and the only one that takes a metadata configuration, 2026-11.
https://docs.aws.amazon.com/fsx/latest/LustreGuide/managing-lustre-version.html"""

AURORA_MYSQL = "8.0.mysql_aurora.3.10.6"
"""Engine of the accounting database: 3.10 has long-term support, and this is its newest patch that cfn-lint knows.
https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/AuroraMySQL.Update.SpecialVersions.html, 2026-11"""

UBUNTU = "24.04"
"""Operating system of the directory's server: Amazon Linux has no slapd, and Debian's images no agent of Session
Manager. https://docs.aws.amazon.com/systems-manager/latest/userguide/ami-preinstalled-agent.html, 2026-11"""

_CODEBUILD = "https://docs.aws.amazon.com/codebuild/latest/userguide/ec2-compute-images.html"
CODEBUILD: Mapping[str, Pin] = {
    "x86_64": Pin(version="aws/codebuild/amazonlinux-x86_64-standard:6.0", source=_CODEBUILD, seen="2026-11"),
    "arm64": Pin(version="aws/codebuild/amazonlinux-aarch64-standard:3.0", source=_CODEBUILD, seen="2026-11"),
}
"""Processors -> image of AWS CodeBuild's machines that build ours: Amazon Linux 2023 with Docker."""

SERVICES: Mapping[str, tuple[str, str]] = {
    "fsx-lustre": (LUSTRE, "https://docs.aws.amazon.com/fsx/latest/LustreGuide/managing-lustre-version.html"),
    "aurora-mysql": (AURORA_MYSQL, "https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/"),
    "directory-ubuntu": (UBUNTU, "https://docs.aws.amazon.com/systems-manager/latest/userguide/"),
}
"""The same for `seatrial versions show`: name -> version and source."""
