"""The template: the cluster, the roles of its nodes, and where things are for them to read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from troposphere import GetAtt, Join, Template, sagemaker, ssm

from seatrial.architectures._architecture import IN_BUCKET, Facts
from seatrial.architectures._cloudformation import export, imported, plan, statement, tags, template
from seatrial.architectures._hyperpod.groups import digest, folder, instance_group, network
from seatrial.architectures._hyperpod.roles import arn, bucket, images, interfaces, role
from seatrial.architectures.hyperpod_slurm import CONTROLLER, OUTPUTS, Params, groups
from seatrial.architectures.hyperpod_slurm.bundle import bundle
from seatrial.architectures.hyperpod_slurm.provisioning import parameter, places
from seatrial.plan import Plan


def render(params: Params, facts: Facts) -> Plan:
    """Its plan."""
    made = template("Seatrial: a Slurm cluster by SageMaker HyperPod")
    files = bundle(params, facts)
    scripts = folder(digest(files))
    made.add_resource(ssm.Parameter("Places", Name=parameter(facts), Type="String", Value=places(facts)))
    _roles(made, facts)
    made.add_resource(_cluster(params, facts, scripts))
    export(made, facts, {"ClusterName": facts.stack, "ClusterArn": GetAtt("Cluster", "ClusterArn")}, OUTPUTS)
    return plan(params, facts, made, {f"{IN_BUCKET}{scripts}/{path}": text for path, text in files.items()})


def _roles(made: Template, facts: Facts) -> None:
    """One of all nodes; with accounting one of the controller, which alone may know the database's password."""
    common = [*interfaces(), *bucket(facts), *images(), *_read(facts)]
    made.add_resource(role("NodeRole", common))
    if "accounting" in facts.needs:
        secret = statement(["secretsmanager:GetSecretValue"], imported(facts, "accounting", "DatabaseSecretArn"))
        made.add_resource(role("ControllerRole", [*common, secret]))


def _read(facts: Facts) -> Iterator[dict[str, Any]]:
    """What tells nodes where things are, the network nodes among them, for which EC2 knows no resources."""
    yield statement(["ec2:DescribeInstanceTopology"], "*")
    parameters = [arn("ssm", f"parameter{parameter(facts)}")]
    if "directory" in facts.needs:
        certificate = imported(facts, "directory", "DirectoryCertificateParameter")
        parameters.append(Join("", [arn("ssm", "parameter"), certificate]))
        secret = imported(facts, "directory", "DirectoryPasswordSecretArn")
        yield statement(["secretsmanager:GetSecretValue"], secret)
    yield statement(["ssm:GetParameter"], parameters)


def _cluster(params: Params, facts: Facts, scripts: str) -> sagemaker.Cluster:
    everywhere = [imported(facts, "directory", "DirectoryClientSecurityGroup")] if "directory" in facts.needs else []
    made = []
    for group in groups(params):
        holder, more = "NodeRole", {}
        if group.name == CONTROLLER and "accounting" in facts.needs:
            holder = "ControllerRole"
            client = imported(facts, "accounting", "DatabaseClientSecurityGroup")
            more["OverrideVpcConfig"] = network(facts, [*everywhere, client])
        made.append(instance_group(group, facts, GetAtt(holder, "Arn"), scripts, **more))
    return sagemaker.Cluster(
        "Cluster",
        ClusterName=facts.stack,
        InstanceGroups=made,
        VpcConfig=network(facts, everywhere),
        NodeRecovery=params.node_recovery,
        Tags=tags(facts.stack),
        DependsOn="Places",  # nodes read it when they are made
    )
