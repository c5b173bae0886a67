"""Managed node groups with their launch templates: of the system, and one for each group of the parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from troposphere import Base64, GetAtt, Ref, Select, Split, Sub, Template, ec2, eks

from seatrial.architectures._architecture import Facts
from seatrial.architectures._cloudformation import imported
from seatrial.architectures._launch import bought, closed, interfaces
from seatrial.architectures.eks import GROUP_LABEL, SYSTEM, Group, Params, efa, placement_group, taint
from seatrial.architectures.eks.network import service_addresses
from seatrial.architectures.eks.nodeadm import disks, joining, user_data
from seatrial.hardware import accelerators, instances
from seatrial.hardware.instances import Instance

CAPACITY_TYPES = {
    "on-demand": "ON_DEMAND",
    "spot": "SPOT",
    "reservation": "ON_DEMAND",
    "capacity-block": "CAPACITY_BLOCK",
}


def ami_type(instance: Instance) -> str:
    """Amazon Linux 2023 of EKS, with the driver of the type's accelerators."""
    vendor = accelerators.accelerator(instance.accelerator).vendor if instance.accelerator else None
    processor = "ARM_64" if instance.architecture == "arm64" else "x86_64"
    kind: str = {"NVIDIA": "NVIDIA", "AWS": "NEURON"}.get(vendor or "", "STANDARD")
    return f"AL2023_{processor}_{kind}"


def title(group: Group) -> str:
    """Beginning of the logical ids of its resources."""
    return "Group" + "".join(part.capitalize() for part in group.name.split("-"))


def add_nodes(made: Template, params: Params, facts: Facts, early: list[str]) -> None:
    """SystemNodes and one for each group. `early`: logical ids of what they need to become ready."""
    _system(made, params, facts, early)
    for group in params.groups:
        _group(made, group, params, facts, early)


def _groups(facts: Facts) -> list[Any]:
    """Security groups of nodes: EKS's own, and that of the network, for EFA and file systems."""
    return [GetAtt("Cluster", "ClusterSecurityGroupId"), imported(facts, "network", "SecurityGroup")]


def _system(made: Template, params: Params, facts: Facts, early: list[str]) -> None:
    instance = instances.instance(params.system_instance_type)
    data = {**closed(params.root_gib), "SecurityGroupIds": _groups(facts)}
    subnets = Split(",", imported(facts, "network", "PrivateSubnets"))
    count = params.system_nodes
    _nodes(made, "System", instance, data, params, early, subnets=subnets, size=(count, count))


def _group(made: Template, group: Group, params: Params, facts: Facts, early: list[str]) -> None:
    instance = instances.instance(group.instance_type)
    data = {**closed(params.root_gib), **bought(group)}
    if efa(group):
        data["NetworkInterfaces"] = [*interfaces(instance, _groups(facts))]
    else:
        data["SecurityGroupIds"] = _groups(facts)
    if placement_group(group):
        made.add_resource(ec2.PlacementGroup(f"{title(group)}Placement", Strategy="cluster"))
        data["Placement"] = ec2.Placement(GroupName=Ref(f"{title(group)}Placement"))
    data |= _started(group, params, facts)
    key = taint(group)
    more: dict[str, Any] = {"Taints": [eks.Taint(Key=key, Value="true", Effect="NO_SCHEDULE")]} if key else {}
    _nodes(
        made,
        title(group),
        instance,
        data,
        params,
        early,
        # That of the zone which hosts compute: the interfaces of EFA reach one another in one subnet.
        subnets=[Select(0, Split(",", imported(facts, "network", "PrivateSubnets")))],
        size=(group.at_least, group.at_most),
        label=group.name,
        capacity=CAPACITY_TYPES[group.capacity],
        **more,
    )


def labels(name: str) -> dict[str, str]:
    """Labels of a group's nodes."""
    return {GROUP_LABEL: name}


def _started(group: Group, params: Params, facts: Facts) -> dict[str, Any]:
    """AMI and user data, where they are not EKS's own."""
    instance = instances.instance(group.instance_type)
    if group.custom_ami is None:
        spec = disks(instance)
        return {"UserData": Base64(user_data(spec))} if spec else {}
    cluster = {
        "name": "${Cluster}",
        "apiServerEndpoint": "${Cluster.Endpoint}",
        "certificateAuthority": "${Cluster.CertificateAuthorityData}",
        "cidr": service_addresses(facts),
    }
    spec = joining(cluster, labels(group.name), taint(group)) | disks(instance)
    return {"ImageId": group.custom_ami, "UserData": Base64(Sub(user_data(spec)))}


def _nodes(
    made: Template,
    name: str,
    instance: Instance,
    data: Mapping[str, Any],
    params: Params,
    early: list[str],
    *,
    subnets: Any,
    size: tuple[int, int],
    label: str = SYSTEM,
    capacity: str = "ON_DEMAND",
    **more: Any,
) -> None:
    """A launch template and its node group. Neither is named, so that one can take the place of another."""
    made.add_resource(ec2.LaunchTemplate(f"{name}Launch", LaunchTemplateData=ec2.LaunchTemplateData(**data)))
    version = GetAtt(f"{name}Launch", "LatestVersionNumber")
    least, most = size
    # A custom AMI has a kind and a version of its own.
    own = {} if "ImageId" in data else {"AmiType": ami_type(instance), "Version": params.version}
    made.add_resource(
        eks.Nodegroup(
            f"{name}Nodes",
            ClusterName=Ref("Cluster"),
            NodeRole=GetAtt("NodeRole", "Arn"),
            Subnets=subnets,
            LaunchTemplate=eks.LaunchTemplateSpecification(Id=Ref(f"{name}Launch"), Version=version),
            ScalingConfig=eks.ScalingConfig(MinSize=least, DesiredSize=least, MaxSize=most),
            InstanceTypes=[instance.name],
            CapacityType=capacity,
            Labels=labels(label),
            NodeRepairConfig=eks.NodeRepairConfig(Enabled=params.repair),
            DependsOn=early,
            **own,
            **more,
        )
    )
