"""Amazon EKS for moto's stacks: clusters and node groups by moto's own service. It has no add-ons, access entries and
Pod Identity: these are held to EKS's own model, and to the cluster, roles and launch templates that must be there."""

from __future__ import annotations

import uuid
from collections import defaultdict
from typing import Any

from botocore.validate import ParamValidator
from moto.eks.models import eks_backends

from tests.trials.architectures.moto_types import (
    ACCOUNT,
    DELETERS,
    KINDS,
    MODELS,
    REGION,
    REPLACED,
    UPDATERS,
    Made,
    Properties,
    api,
    lower,
    model,
    typed,
)

BESIDE: dict[str, set[str]] = defaultdict(set)
"""Name of a cluster -> what moto does not keep of it."""
ATTRIBUTES: dict[str, dict[str, Any]] = {}
"""Name of a cluster -> what CloudFormation tells of it."""


@model("AWS::EKS::Cluster")
def _cluster(_: str, properties: Properties) -> Made:
    asked = checked("CreateCluster", properties)
    name = asked["name"]
    subnets = api("ec2").describe_subnets(SubnetIds=asked["resourcesVpcConfig"]["subnetIds"])["Subnets"]
    if len({one["AvailabilityZone"] for one in subnets}) < 2:
        raise ValueError("Subnets specified must be in at least two different AZs")
    made = api("eks").create_cluster(**asked)["cluster"]
    # As EKS does, beside those that it is told.
    group = api("ec2").create_security_group(
        GroupName=f"eks-cluster-sg-{name}", Description="of EKS", VpcId=subnets[0]["VpcId"]
    )["GroupId"]
    BESIDE.pop(name, None)
    ATTRIBUTES[name] = {
        "Arn": made["arn"],
        "ClusterSecurityGroupId": group,
        "Endpoint": made["endpoint"],
        "CertificateAuthorityData": made["certificateAuthority"]["data"],
    }
    return name, ATTRIBUTES[name]


@model("AWS::EKS::Nodegroup")
def _nodes(name: str, properties: Properties) -> Made:
    cluster = properties["ClusterName"]
    needed = {f"addon:{one}" for one in ("vpc-cni", "kube-proxy", "eks-pod-identity-agent")}
    if lacking := needed - BESIDE[cluster]:
        raise ValueError(f"nodes would never become ready without {sorted(lacking)}")
    name = f"{name}-{uuid.uuid4().hex[:12]}"
    asked = checked("CreateNodegroup", {**properties, "NodegroupName": name})
    template = {"LaunchTemplateId": asked["launchTemplate"]["id"], "Versions": [asked["launchTemplate"]["version"]]}
    (version,) = api("ec2").describe_launch_template_versions(**template)["LaunchTemplateVersions"]
    data = version["LaunchTemplateData"]
    # https://docs.aws.amazon.com/eks/latest/userguide/launch-templates.html
    if "ImageId" in data and ("amiType" in asked or "version" in asked):
        raise ValueError("You cannot specify amiType or version with a launch template that names an image")
    if data.get("NetworkInterfaces") and data.get("SecurityGroupIds"):
        raise ValueError("Network interfaces and an instance-level security groups may not be specified together")
    if ("InstanceType" in data) == ("instanceTypes" in asked):
        raise ValueError("the instance type stands in the launch template or in the node group")
    if (asked["capacityType"] == "CAPACITY_BLOCK") != ("InstanceMarketOptions" in data):
        raise ValueError("CAPACITY_BLOCK goes with a launch template for Capacity Blocks")
    known = {"clusterName", "nodegroupName", "nodeRole", "subnets", "scalingConfig", "amiType", "labels", "taints"}
    known |= {"instanceTypes", "launchTemplate", "capacityType", "version"}
    api("eks").create_nodegroup(**{key: value for key, value in asked.items() if key in known})
    return f"{cluster}/{name}", {"NodegroupName": name}


@model("AWS::EKS::Addon")
def _addon(name: str, properties: Properties) -> Made:
    """Those that are no DaemonSets need nodes to become active."""
    asked = checked("CreateAddon", properties)
    cluster, addon = asked["clusterName"], asked["addonName"]
    there = api("eks").list_nodegroups(clusterName=cluster)["nodegroups"]
    if addon in ("coredns", "aws-fsx-csi-driver") and not there:
        raise ValueError(f"{addon} finds no nodes")
    roles(*(one["roleArn"] for one in asked.get("podIdentityAssociations", [])))
    return keep(cluster, f"addon:{addon}"), {"Arn": f"arn:aws:eks:{REGION}:{ACCOUNT}:addon/{cluster}/{addon}/1"}


@model("AWS::EKS::AccessEntry")
def _entry(name: str, properties: Properties) -> Made:
    asked = checked("CreateAccessEntry", {key: properties[key] for key in ("ClusterName", "PrincipalArn")})
    for one in properties["AccessPolicies"]:
        place = {key: asked[key] for key in ("clusterName", "principalArn")}
        validated("AssociateAccessPolicy", {**place, **lower(one)})
    return keep(asked["clusterName"], f"entry:{asked['principalArn']}"), {}


@model("AWS::EKS::PodIdentityAssociation")
def _identity(name: str, properties: Properties) -> Made:
    asked = checked("CreatePodIdentityAssociation", properties)
    roles(asked["roleArn"])
    one = keep(asked["clusterName"], f"identity:{asked['namespace']}/{asked['serviceAccount']}")
    return one, {"AssociationId": one}


def checked(operation: str, properties: Properties) -> dict[str, Any]:
    """Properties as EKS takes them. Raises ValueError for what it would not take."""
    given = lower(properties)
    if logging := given.get("logging"):  # CloudFormation spells it in another way
        types = [one["type"] for one in logging["clusterLogging"]["enabledTypes"]]
        given["logging"] = {"clusterLogging": [{"types": types, "enabled": True}]}
    asked = typed("eks", operation, given)
    return validated(operation, asked)


def validated(operation: str, asked: dict[str, Any]) -> dict[str, Any]:
    shape = api("eks").meta.service_model.operation_model(operation).input_shape
    report = ParamValidator().validate(asked, shape)
    if report.has_errors():
        raise ValueError(report.generate_report())
    return asked


def roles(*arns: str) -> None:
    """They are there, and pods may have them."""
    for arn in arns:
        trust = api("iam").get_role(RoleName=arn.rpartition("/")[2])["Role"]["AssumeRolePolicyDocument"]
        (statement,) = trust["Statement"]
        if statement["Principal"] != {"Service": "pods.eks.amazonaws.com"} or len(statement["Action"]) != 2:
            raise ValueError(f"pods cannot have {arn}")


def keep(cluster: str, what: str) -> str:
    """Notes something that a cluster has once."""
    api("eks").describe_cluster(name=cluster)
    if what in BESIDE[cluster]:
        raise ValueError(f"{cluster} has {what} already")
    BESIDE[cluster].add(what)
    return f"{cluster}|{what}"


def drop(physical: str, _: Properties) -> None:
    cluster, _, what = physical.partition("|")
    BESIDE[cluster].remove(what)


def _delete_cluster(name: str, _: Properties) -> None:
    api("eks").delete_cluster(name=name)
    found = api("ec2").describe_security_groups(Filters=[{"Name": "group-name", "Values": [f"eks-cluster-sg-{name}"]}])
    for group in found["SecurityGroups"]:
        api("ec2").delete_security_group(GroupId=group["GroupId"])


def _delete_nodes(physical: str, _: Properties) -> None:
    cluster, _, name = physical.partition("/")
    api("eks").delete_nodegroup(clusterName=cluster, nodegroupName=name)


def _upgrade(name: str, properties: Properties) -> Made:
    """Another version, which moto cannot make of a cluster: one after the other, as with EKS."""
    cluster = eks_backends[ACCOUNT][REGION].clusters[name]
    validated("UpdateClusterVersion", {"name": name, "version": properties["Version"]})
    before, after = (int(one.partition(".")[2]) for one in (cluster.version, properties["Version"]))
    if after not in (before, before + 1):
        raise ValueError(f"Unsupported Kubernetes minor version update from {before} to {after}")
    cluster.version = properties["Version"]
    return name, ATTRIBUTES[name]


def _change_nodes(physical: str, properties: Properties) -> Made:
    """Their number and version. Nodes are never newer than the control plane."""
    cluster, _, name = physical.partition("/")
    size = {key: int(value) for key, value in lower(properties["ScalingConfig"]).items()}
    api("eks").update_nodegroup_config(clusterName=cluster, nodegroupName=name, scalingConfig=size)
    one = eks_backends[ACCOUNT][REGION].clusters[cluster]
    if properties.get("Version", one.version) != one.version:
        raise ValueError(f"nodes of {properties['Version']} in a cluster of {one.version}")
    one.nodegroups[name].version = one.version
    return physical, {"NodegroupName": name}


DELETERS |= {
    "AWS::EKS::AccessEntry": drop,
    "AWS::EKS::Addon": drop,
    "AWS::EKS::Cluster": _delete_cluster,
    "AWS::EKS::Nodegroup": _delete_nodes,
    "AWS::EKS::PodIdentityAssociation": drop,
}
UPDATERS |= {"AWS::EKS::Cluster": _upgrade, "AWS::EKS::Nodegroup": _change_nodes}
REPLACED |= {
    "AWS::EKS::AccessEntry": {"ClusterName", "PrincipalArn", "Type"},
    "AWS::EKS::Addon": {"AddonName", "ClusterName"},
    "AWS::EKS::Cluster": {"AccessConfig", "BootstrapSelfManagedAddons", "KubernetesNetworkConfig", "Name", "RoleArn"},
    "AWS::EKS::Nodegroup": {"AmiType", "CapacityType", "ClusterName", "InstanceTypes", "NodeRole", "Subnets"},
    "AWS::EKS::PodIdentityAssociation": {"ClusterName", "Namespace", "ServiceAccount"},
}
"""The createOnlyProperties of their schemas, of those that a template of ours has."""
KINDS |= {one.cloudformation_type(): one for one in MODELS if one.cloudformation_type().startswith("AWS::EKS::")}
