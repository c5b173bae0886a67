"""The template: the cluster, the role of its nodes, and HyperPod's add-ons of EKS."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from troposphere import GetAtt, Tags, Template, eks, iam, sagemaker

from seatrial.architectures._architecture import IN_BUCKET, Facts
from seatrial.architectures._cloudformation import (
    assumed_by,
    export,
    imported,
    plan,
    statement,
    template,
)
from seatrial.architectures._hyperpod.groups import (
    ON_CREATE,
    digest,
    folder,
    instance_group,
    network,
    restricted_group,
)
from seatrial.architectures._hyperpod.roles import bucket, images, interfaces, role
from seatrial.architectures.eks import GROUP_LABEL, SYSTEM
from seatrial.architectures.eks.roles import managed
from seatrial.architectures.hyperpod_eks import OUTPUTS, Params
from seatrial.plan import Plan
from seatrial.versions.eks import RELEASES, TASK_GOVERNANCE

TRAINING_OPERATOR = "amazon-sagemaker-hyperpod-training-operator"
OPERATOR_POLICY = "AmazonSageMakerHyperPodTrainingOperatorAccess"
OPERATOR_ACCOUNT = "hp-training-operator-controller-manager"
"""Names of https://docs.aws.amazon.com/sagemaker/latest/dg/sagemaker-eks-operator-install.html, as is the next."""
OPERATOR_VALUES = {"hpTrainingControllerManager": {"nodeSelector": {GROUP_LABEL: SYSTEM}}}
"""By itself it takes a CPU of a node of HyperPod's, each of which a job wants to itself."""
SCRIPT = Path(__file__).with_name(ON_CREATE)


def render(params: Params, facts: Facts) -> Plan:
    """Its plan."""
    made = template("Seatrial: a Kubernetes cluster on nodes of SageMaker HyperPod")
    files = {ON_CREATE: SCRIPT.read_text(encoding="utf-8")}
    scripts = folder(digest(files))
    made.add_resource(_role(facts))
    made.add_resource(_cluster(params, facts, scripts))
    if params.task_governance:
        versions = RELEASES[facts.needs["cluster"].params.version].hyperpod or {}
        made.add_resource(_addon("TaskGovernance", TASK_GOVERNANCE, versions[TASK_GOVERNANCE], facts))
    if params.training_operator:
        _training_operator(made, params.training_operator, facts)
    values = {
        "ClusterName": facts.stack,
        "ClusterArn": GetAtt("Cluster", "ClusterArn"),
        "EksClusterName": imported(facts, "cluster", "ClusterName"),
        "Repository": imported(facts, "cluster", "Repository"),
    }
    if "storage" in facts.needs:
        values |= {name: imported(facts, "storage", name) for name in OUTPUTS if name.startswith("Lustre")}
    # Exported again, since whoever installs what runs in the cluster knows this stack alone: W6001 warns of that.
    made.set_metadata({"cfn-lint": {"config": {"ignore_checks": ["W6001"]}}})
    export(made, facts, values, OUTPUTS)
    return plan(params, facts, made, {f"{IN_BUCKET}{scripts}/{path}": text for path, text in files.items()})


def _role(facts: Facts) -> iam.Role:
    """Of the nodes: the VPC CNI, whose own role pods have only once a node has addresses, and roles of pods."""
    identity = statement(["eks-auth:AssumeRoleForPodIdentity"], imported(facts, "cluster", "ClusterArn"))
    return role("NodeRole", [*interfaces(), *bucket(facts), *images(), identity], ["AmazonEKS_CNI_Policy"])


def _cluster(params: Params, facts: Facts, scripts: str) -> sagemaker.Cluster:
    arn = GetAtt("NodeRole", "Arn")
    groups = [instance_group(group, facts, arn, scripts) for group in params.groups]
    restricted = [
        restricted_group(group, arn, group.lustre_gib, group.lustre_throughput) for group in params.restricted
    ]
    orchestrator = sagemaker.ClusterOrchestratorEksConfig(ClusterArn=imported(facts, "cluster", "ClusterArn"))
    return sagemaker.Cluster(
        "Cluster",
        ClusterName=facts.stack,
        Orchestrator=sagemaker.Orchestrator(Eks=orchestrator),
        **({"InstanceGroups": groups} if groups else {}),
        **({"RestrictedInstanceGroups": restricted} if restricted else {}),
        # EKS lets in what has its group: the control plane, and the system nodes with CoreDNS.
        VpcConfig=network(facts, [imported(facts, "cluster", "ClusterSecurityGroup")]),
        NodeRecovery=params.node_recovery,
        # The training operator may look at clusters with this tag alone, by its policy of AWS's own.
        Tags=Tags(Name=facts.stack, SageMaker="true"),
    )


def _addon(title: str, name: str, version: str, facts: Facts, **more: Any) -> eks.Addon:
    return eks.Addon(
        title,
        ClusterName=imported(facts, "cluster", "ClusterName"),
        AddonName=name,
        AddonVersion=version,
        ResolveConflicts="OVERWRITE",  # what the stack says is what there is
        DependsOn=more.pop("DependsOn", ["Cluster"]),
        **more,
    )


def _training_operator(made: Template, version: str, facts: Facts) -> None:
    """The add-on, with the role that its pods have."""
    trust = assumed_by("pods.eks")
    trust["Statement"][0]["Action"] = ["sts:AssumeRole", "sts:TagSession"]
    made.add_resource(
        iam.Role("OperatorRole", AssumeRolePolicyDocument=trust, ManagedPolicyArns=managed([OPERATOR_POLICY]))
    )
    identity = eks.PodIdentityAssociationProperty(
        ServiceAccount=OPERATOR_ACCOUNT, RoleArn=GetAtt("OperatorRole", "Arn")
    )
    values = json.dumps(OPERATOR_VALUES)
    more = {"PodIdentityAssociations": [identity], "ConfigurationValues": values}
    made.add_resource(_addon("TrainingOperator", TRAINING_OPERATOR, version, facts, **more))
