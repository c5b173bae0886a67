"""Instance groups as CloudFormation makes them.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-sagemaker-cluster.html
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from troposphere import Select, Split, Sub, sagemaker

from seatrial.architectures._architecture import Facts
from seatrial.architectures._cloudformation import imported
from seatrial.architectures._hyperpod import Group
from seatrial.architectures._hyperpod.roles import OURS

ON_CREATE = "on_create.sh"
"""What HyperPod runs as root on each node that it makes."""
DEEP = ["InstanceStress", "InstanceConnectivity"]


def digest(files: Mapping[str, str]) -> str:
    """A digest of their content."""
    return hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()[:16]


def folder(digest: str) -> str:
    """Where the bucket has lifecycle scripts, by a digest of their content: so that templates change with them."""
    return f"{OURS}/lifecycle/{digest}"


def instance_group(group: Group, facts: Facts, role: Any, scripts: str, **more: Any) -> sagemaker.ClusterInstanceGroup:
    """A group. `scripts`: the folder of the bucket with what its nodes run; `more`: further properties."""
    if group.custom_ami:
        more["ImageId"] = group.custom_ami
    return sagemaker.ClusterInstanceGroup(
        LifeCycleConfig=sagemaker.ClusterLifeCycleConfig(
            SourceS3Uri=Sub(f"s3://${{Bucket}}/{scripts}", Bucket=imported(facts, "bucket", "Bucket")),
            OnCreate=ON_CREATE,
        ),
        **_common(group, role),
        **more,
    )


def restricted_group(group: Group, role: Any, gib: int, throughput: int) -> sagemaker.ClusterRestrictedInstanceGroup:
    """A restricted group, whose nodes run nothing of ours, with an FSx for Lustre file system of its own."""
    lustre = sagemaker.FSxLustreConfig(SizeInGiB=gib, PerUnitStorageThroughput=throughput)
    return sagemaker.ClusterRestrictedInstanceGroup(
        EnvironmentConfig=sagemaker.EnvironmentConfig(FSxLustreConfig=lustre), **_common(group, role)
    )


def _common(group: Group, role: Any) -> dict[str, Any]:
    """What both kinds of groups have."""
    volume = sagemaker.ClusterEbsVolumeConfig(VolumeSizeInGB=group.volume_gib)
    return {
        "InstanceGroupName": group.name,
        "InstanceType": f"ml.{group.instance_type}",
        "InstanceCount": group.count,
        "ThreadsPerCore": group.threads_per_core,
        "ExecutionRole": role,
        "InstanceStorageConfigs": [sagemaker.ClusterInstanceStorageConfig(EbsVolumeConfig=volume)],
        **({"TrainingPlanArn": group.training_plan} if group.training_plan else {}),
        **({"OnStartDeepHealthChecks": DEEP} if group.deep_health_checks else {}),
    }


def network(facts: Facts, groups: Iterable[Any] = ()) -> sagemaker.VpcConfig:
    """The first private subnet, which hosts compute, with the group of EFA; `groups`: more security groups."""
    return sagemaker.VpcConfig(
        SecurityGroupIds=[imported(facts, "network", "SecurityGroup"), *groups],
        Subnets=[Select(0, Split(",", imported(facts, "network", "PrivateSubnets")))],
    )
