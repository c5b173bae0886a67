"""Roles: of nodes, of whoever starts a job's containers, and of the jobs themselves."""

from __future__ import annotations

from typing import Any

from troposphere import GetAtt, Ref, Sub, Template, iam

from seatrial.architectures._architecture import Facts
from seatrial.architectures._cloudformation import assumed_by, imported, objects, policy, session, statement
from seatrial.architectures.batch import Params

ARN = "arn:${AWS::Partition}:${Service}:${AWS::Region}:${AWS::AccountId}:"


def add_roles(made: Template, params: Params, facts: Facts) -> None:
    """InstanceProfile, ExecutionRole and JobRole."""
    _role(made, "InstanceRole", "ec2", [*_agent(), *_images(), _logs(), session()])
    made.add_resource(iam.InstanceProfile("InstanceProfile", Roles=[Ref("InstanceRole")]))
    _role(made, "ExecutionRole", "ecs-tasks", [*_images(), _logs(), *_secrets(params)])
    bucket = objects(imported(facts, "bucket", "BucketArn")) if "bucket" in facts.needs else []
    _role(made, "JobRole", "ecs-tasks", bucket)


def _role(made: Template, name: str, service: str, statements: list[dict[str, Any]]) -> None:
    policies = [iam.Policy(PolicyName="batch", PolicyDocument=policy(*statements))] if statements else []
    role = {"AssumeRolePolicyDocument": assumed_by(service), **({"Policies": policies} if policies else {})}
    made.add_resource(iam.Role(name, **role))


def _arn(service: str, resource: str) -> Sub:
    return Sub(ARN.replace("${Service}", service) + resource)


def _agent() -> list[dict[str, Any]]:
    """What ECS's agent calls: AWS's policy AmazonEC2ContainerServiceforEC2Role, in this account's clusters. Batch makes
    the cluster under a name of its own."""
    clusters, nodes = _arn("ecs", "cluster/*"), _arn("ecs", "container-instance/*")
    on_cluster = ["RegisterContainerInstance", "DeregisterContainerInstance"]
    on_cluster += [f"Submit{what}" for what in ("AttachmentStateChanges", "ContainerStateChange", "TaskStateChange")]
    on_node = ["Poll", "StartTelemetrySession", "UpdateContainerInstancesState"]
    registering = {"StringEquals": {"ecs:CreateAction": "RegisterContainerInstance"}}
    return [
        statement((f"ecs:{verb}" for verb in on_cluster), clusters),
        statement((f"ecs:{verb}" for verb in on_node), nodes),
        statement(["ecs:TagResource"], nodes, Condition=registering),
        # The services know no resources for these.
        statement(["ec2:DescribeTags", "ecs:DiscoverPollEndpoint"], "*"),
    ]


def _images() -> list[dict[str, Any]]:
    layers = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
    # A token is of no repository: the service knows no other resource.
    return [statement(["ecr:GetAuthorizationToken"], "*"), statement(layers, _arn("ecr", "repository/*"))]


def _logs() -> dict[str, Any]:
    return statement(["logs:CreateLogStream", "logs:PutLogEvents"], GetAtt("LogGroup", "Arn"))


def _secrets(params: Params) -> list[dict[str, Any]]:
    found = []
    for service, action in (("secretsmanager", "secretsmanager:GetSecretValue"), ("ssm", "ssm:GetParameters")):
        if arns := sorted(arn for arn in params.secrets.values() if arn.split(":")[2] == service):
            found.append(statement([action], arns))
    return found
