"""The template: a compute environment, the queue before it, and what jobs need there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from troposphere import Base64, GetAtt, Ref, Select, Split, Sub, Template, batch, ec2, logs

from seatrial.architectures._architecture import Facts
from seatrial.architectures._cloudformation import export, imported, plan, repository, tags, template
from seatrial.architectures._launch import bought, closed, interfaces
from seatrial.architectures.batch import OUTPUTS, Params, placement_group
from seatrial.architectures.batch.roles import add_roles
from seatrial.hardware import accelerators, instances
from seatrial.plan import Plan

USER_DATA = Path(__file__).with_name("node.mime")
NEURON_AMI = "{{resolve:ssm:/aws/service/ecs/optimized-ami/amazon-linux-2023/neuron/recommended/image_id}}"
"""Batch chooses an AMI for GPUs or for neither. For Trainium ECS publishes one:
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/retrieve-ecs-optimized_AMI.html, 2026-11"""

GRACE_MINUTES = 7200
"""What a job may still take when its nodes are to be replaced; Batch's default is 30. The most that UpdatePolicy in the
AWS Batch API Reference allows."""


def render(params: Params, facts: Facts) -> Plan:
    """Its plan."""
    made = template("Seatrial: AWS Batch for multi-node jobs")
    made.add_resource(_log_group(params, facts))
    made.add_resource(repository(facts))
    add_roles(made, params, facts)
    if placement_group(params):
        made.add_resource(ec2.PlacementGroup("PlacementGroup", Strategy="cluster"))
    made.add_resource(_launch_template(params, facts))
    made.add_resource(_environment(params, facts))
    _queue(made, params)
    values = {
        "Queue": Ref("Queue"),
        "JobRoleArn": GetAtt("JobRole", "Arn"),
        "ExecutionRoleArn": GetAtt("ExecutionRole", "Arn"),
        "LogGroup": Ref("LogGroup"),
        "Repository": GetAtt("Repository", "RepositoryUri"),
    }
    export(made, facts, values, OUTPUTS)
    return plan(params, facts, made)


def _log_group(params: Params, facts: Facts) -> logs.LogGroup:
    group = logs.LogGroup("LogGroup", RetentionInDays=params.log_days, Tags=tags(facts.stack))
    group.DeletionPolicy = group.UpdateReplacePolicy = "Delete"
    return group


def _launch_template(params: Params, facts: Facts) -> ec2.LaunchTemplate:
    instance = instances.instance(params.instance_type)
    data = {**closed(params.root_gib), **bought(params)}
    if instance.efa_interfaces:
        data["NetworkInterfaces"] = [*interfaces(instance, [imported(facts, "network", "SecurityGroup")])]
    if "storage" in facts.needs:
        where = {
            "Dns": imported(facts, "storage", "LustreDnsName"),
            "Mount": imported(facts, "storage", "LustreMountName"),
        }
        data["UserData"] = Base64(Sub(USER_DATA.read_text(encoding="utf-8"), **where))
    return ec2.LaunchTemplate("LaunchTemplate", LaunchTemplateData=ec2.LaunchTemplateData(**data))


def _environment(params: Params, facts: Facts) -> batch.ComputeEnvironment:
    instance = instances.instance(params.instance_type)
    more: dict[str, Any] = {"PlacementGroup": Ref("PlacementGroup")} if placement_group(params) else {}
    if not instance.efa_interfaces:
        # Batch refuses both these and network interfaces of the launch template, which have the group as well.
        more["SecurityGroupIds"] = [imported(facts, "network", "SecurityGroup")]
    version = GetAtt("LaunchTemplate", "LatestVersionNumber")
    resources = batch.ComputeResources(
        Type="EC2",
        # The default, BEST_FIT, allows no change of the environment.
        AllocationStrategy="BEST_FIT_PROGRESSIVE",
        InstanceTypes=[instance.name],
        MinvCpus=params.at_least * instance.vcpus,
        MaxvCpus=params.at_most * instance.vcpus,
        Ec2Configuration=[_image(params, instance)],
        InstanceRole=GetAtt("InstanceProfile", "Arn"),
        LaunchTemplate=batch.LaunchTemplateSpecification(LaunchTemplateId=Ref("LaunchTemplate"), Version=version),
        # That of the zone which hosts compute: the interfaces of EFA reach one another in one subnet.
        Subnets=[Select(0, Split(",", imported(facts, "network", "PrivateSubnets")))],
        UpdateToLatestImageVersion=True,
        **more,
    )
    # Changed in place, so that the queue and its jobs stay; for that Batch's own service-linked role is taken.
    # https://docs.aws.amazon.com/batch/latest/userguide/updating-compute-environments.html
    environment = batch.ComputeEnvironment(
        "Environment", Type="MANAGED", State="ENABLED", ComputeResources=resources, ReplaceComputeEnvironment=False
    )
    # Set here, since troposphere takes an argument of this name for CloudFormation's own update policy.
    patience = batch.UpdatePolicy(JobExecutionTimeoutMinutes=GRACE_MINUTES, TerminateJobsOnUpdate=False)
    environment.properties["UpdatePolicy"] = patience
    return environment


def _image(params: Params, instance: instances.Instance) -> batch.Ec2ConfigurationObject:
    vendor = accelerators.accelerator(instance.accelerator).vendor if instance.accelerator else None
    image = params.custom_ami or (NEURON_AMI if vendor == "AWS" else None)
    return batch.Ec2ConfigurationObject(
        ImageType="ECS_AL2023_NVIDIA" if vendor == "NVIDIA" else "ECS_AL2023",
        **({"ImageIdOverride": image} if image else {}),
    )


def _queue(made: Template, params: Params) -> None:
    more = {}
    if params.shares:
        # A share of a smaller weight gets more.
        weights = [
            batch.ShareAttributes(ShareIdentifier=name, WeightFactor=round(1 / parts, 4))
            for name, parts in params.shares.items()
        ]
        fair = batch.FairsharePolicy(ShareDistribution=weights)
        made.add_resource(batch.SchedulingPolicy("Shares", FairsharePolicy=fair))
        more["SchedulingPolicyArn"] = Ref("Shares")
    order = batch.ComputeEnvironmentOrder(ComputeEnvironment=Ref("Environment"), Order=1)
    queue = batch.JobQueue("Queue", Priority=1, State="ENABLED", ComputeEnvironmentOrder=[order], **more)
    made.add_resource(queue)
