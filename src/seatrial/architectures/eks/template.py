"""The template: control plane, add-ons, nodes, and who may do what."""

from __future__ import annotations

import hashlib
from typing import Any

from troposphere import GetAtt, Ref, Split, Sub, Template, eks, logs

from seatrial.architectures._architecture import Facts
from seatrial.architectures._cloudformation import export, imported, plan, repository, tags, template
from seatrial.architectures._kubernetes.inside import NAMESPACE
from seatrial.architectures.eks import OUTPUTS, Params
from seatrial.architectures.eks.addons import Addon, addons
from seatrial.architectures.eks.eksctl import LOGGED, eksctl
from seatrial.architectures.eks.network import service_addresses
from seatrial.architectures.eks.nodes import add_nodes
from seatrial.architectures.eks.roles import ADMINISTRATOR, SERVICE_ACCOUNT, add_roles
from seatrial.plan import Plan


def render(params: Params, facts: Facts) -> Plan:
    """Its plan."""
    made = template("Seatrial: a Kubernetes cluster by Amazon EKS")
    made.add_resource(_log_group(params, facts))
    made.add_resource(repository(facts))
    add_roles(made, facts)
    made.add_resource(_cluster(params, facts))
    found = [*addons(params)]
    add_nodes(made, params, facts, early=[_title(one) for one in found if one.early])
    for one in found:
        made.add_resource(_addon(one))
    _access(made, params, facts)
    values = {
        "ClusterName": Ref("Cluster"),
        "ClusterArn": GetAtt("Cluster", "Arn"),
        "ClusterSecurityGroup": GetAtt("Cluster", "ClusterSecurityGroupId"),
        "NodeRoleArn": GetAtt("NodeRole", "Arn"),
        "Version": params.version,
        "Repository": GetAtt("Repository", "RepositoryUri"),
    }
    if "storage" in facts.needs:
        # Exported again, since whoever installs what runs in the cluster knows this stack alone: W6001 warns of that.
        made.set_metadata({"cfn-lint": {"config": {"ignore_checks": ["W6001"]}}})
        names = ("LustreId", "LustreDnsName", "LustreMountName")
        values |= {name: imported(facts, "storage", name) for name in names}
    export(made, facts, values, OUTPUTS)
    return plan(params, facts, made, eksctl(params, facts))


def _log_group(params: Params, facts: Facts) -> logs.LogGroup:
    """EKS writes into the group of this name, and would make one that keeps logs for ever."""
    name = f"/aws/eks/{facts.stack}/cluster"
    group = logs.LogGroup("LogGroup", LogGroupName=name, RetentionInDays=params.log_days, Tags=tags(facts.stack))
    group.DeletionPolicy = group.UpdateReplacePolicy = "Delete"
    return group


def _cluster(params: Params, facts: Facts) -> eks.Cluster:
    allowed = {"PublicAccessCidrs": [*params.allowed_addresses]} if params.allowed_addresses else {}
    network = eks.ResourcesVpcConfig(
        SubnetIds=Split(",", imported(facts, "network", "PrivateSubnets")),
        EndpointPrivateAccess=True,
        EndpointPublicAccess=bool(params.allowed_addresses),
        **allowed,
    )
    types = [eks.LoggingTypeConfig(Type=one) for one in LOGGED]
    return eks.Cluster(
        "Cluster",
        Name=facts.stack,
        Version=params.version,
        RoleArn=GetAtt("ClusterRole", "Arn"),
        ResourcesVpcConfig=network,
        KubernetesNetworkConfig=eks.KubernetesNetworkConfig(ServiceIpv4Cidr=service_addresses(facts)),
        AccessConfig=eks.AccessConfig(AuthenticationMode="API", BootstrapClusterCreatorAdminPermissions=True),
        # Else EKS would install its own of them, in versions that nobody chose.
        BootstrapSelfManagedAddons=False,
        Logging=eks.Logging(ClusterLogging=eks.ClusterLogging(EnabledTypes=types)),
        # At the end of standard support the cluster becomes dearer, instead of another version while jobs run.
        UpgradePolicy=eks.UpgradePolicy(SupportType="EXTENDED"),
        DependsOn=["LogGroup"],
    )


def _title(addon: Addon) -> str:
    return "Addon" + "".join(part.capitalize() for part in addon.name.split("-"))


def _addon(addon: Addon) -> eks.Addon:
    more: dict[str, Any] = {"ConfigurationValues": addon.values} if addon.values else {}
    if addon.role:
        role = GetAtt(addon.role, "Arn")
        identity = eks.PodIdentityAssociationProperty(ServiceAccount=addon.service_account, RoleArn=role)
        more["PodIdentityAssociations"] = [identity]
    if not addon.early:
        more["DependsOn"] = ["SystemNodes"]
    return eks.Addon(
        _title(addon),
        ClusterName=Ref("Cluster"),
        AddonName=addon.name,
        AddonVersion=addon.version,
        ResolveConflicts="OVERWRITE",  # what the stack says is what there is
        **more,
    )


def _access(made: Template, params: Params, facts: Facts) -> None:
    """Administrators, and what jobs may do in AWS."""
    everything = eks.AccessPolicy(PolicyArn=Sub(ADMINISTRATOR), AccessScope=eks.AccessScope(Type="cluster"))
    for principal in params.administrators:
        # Not by their order: none becomes another one when one goes.
        title = f"Administrator{hashlib.sha256(principal.encode()).hexdigest()[:8]}"
        made.add_resource(
            eks.AccessEntry(
                title,
                ClusterName=Ref("Cluster"),
                PrincipalArn=principal,
                AccessPolicies=[everything],
            )
        )
    if "bucket" in facts.needs:
        made.add_resource(
            eks.PodIdentityAssociation(
                "JobIdentity",
                ClusterName=Ref("Cluster"),
                Namespace=NAMESPACE,
                ServiceAccount=SERVICE_ACCOUNT,
                RoleArn=GetAtt("JobRole", "Arn"),
            )
        )
