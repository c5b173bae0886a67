"""The template: AWS's CloudFormation provider of ParallelCluster, and one cluster that it makes.

https://docs.aws.amazon.com/parallelcluster/latest/ug/cloudformation-v3.html
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import yaml
from troposphere import GetAtt, Join, Sub, iam
from troposphere.cloudformation import AWSCustomObject, Stack

from seatrial.architectures._architecture import IN_BUCKET, Facts
from seatrial.architectures._cloudformation import export, imported, plan, policy, statement, template
from seatrial.architectures._literal import exported, literal
from seatrial.architectures.parallelcluster import OUTPUTS, Params
from seatrial.architectures.parallelcluster.configuration import (
    POLICY,
    SCRIPT,
    configuration,
    key,
    own_policy,
)
from seatrial.plan import Plan
from seatrial.versions import PARALLELCLUSTER

HEAD = """\
# What ParallelCluster gets as ClusterConfiguration, for reading and for pcluster create-cluster --dryrun true.
# <NAME> is what stands in that export once its stack is deployed: aws cloudformation list-exports
"""


class Cluster(AWSCustomObject):  # type: ignore[misc] # troposphere has no types
    """The cluster, which AWS's provider makes as a stack of its own."""

    resource_type = "Custom::PclusterCluster"
    props: ClassVar = {
        "ServiceToken": (str, True),
        "ClusterName": (str, True),
        "ClusterConfiguration": (dict, True),
    }


def render(params: Params, facts: Facts) -> Plan:
    """Its plan."""
    made = template("Seatrial: a Slurm cluster by AWS ParallelCluster")
    whole = configuration(params, facts)
    # It holds nothing that would have to outlive the stack.
    gone = {"DeletionPolicy": "Delete", "UpdateReplacePolicy": "Delete"}
    made.add_resource(Stack("Provider", TemplateURL=Sub(_provider()), **gone))
    if own_policy(params):
        # The provider may attach only policies of this path, and some of AWS's own.
        made.add_resource(
            iam.ManagedPolicy(POLICY, Path="/parallelcluster/", PolicyDocument=policy(*_statements(params, facts)))
        )
    made.add_resource(
        Cluster(
            "Cluster",
            ServiceToken=GetAtt("Provider", "Outputs.ServiceToken"),
            ClusterName=facts.deployment,  # the cluster's own stack has this name
            ClusterConfiguration=whole,
        )
    )
    values = {
        "ClusterName": facts.deployment,
        "HeadNodeId": GetAtt("Cluster", "headNode.instanceId"),
        "HeadNodeAddress": GetAtt("Cluster", "headNode.privateIpAddress"),
    }
    export(made, facts, values, OUTPUTS)
    return plan(params, facts, made, _files(params, facts, whole))


def _provider() -> str:
    """AWS publishes it in each region, for each version."""
    where = "https://${AWS::Region}-aws-parallelcluster.s3.${AWS::Region}.${AWS::URLSuffix}"
    return f"{where}/parallelcluster/{PARALLELCLUSTER.version}/templates/custom_resource/cluster.yaml"


def _files(params: Params, facts: Facts, whole: dict[str, Any]) -> dict[str, str]:
    text = yaml.safe_dump(literal(whole, params.region, exported(facts)), sort_keys=False, width=120)
    files = {"cluster.yaml": HEAD + text}
    if params.bucket:
        files[f"{IN_BUCKET}{key(facts)}"] = Path(__file__).with_name(SCRIPT).read_text(encoding="utf-8")
    return files


def _statements(params: Params, facts: Facts) -> list[dict[str, Any]]:
    """What nodes may do beside what ParallelCluster lets them do."""
    made = []
    if params.bucket:
        bucket = imported(facts, "bucket", "BucketArn")
        objects = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"]
        made += [
            statement(["s3:ListBucket", "s3:GetBucketLocation"], bucket),
            statement([*objects, "s3:ListMultipartUploadParts"], Join("", [bucket, "/*"])),
            # Root runs on each node what lies there.
            {
                "Effect": "Deny",
                "Action": ["s3:DeleteObject", "s3:PutObject"],
                "Resource": Join("", [bucket, f"/{key(facts)}"]),
            },
        ]
    if "directory" in facts.needs:
        parameter = imported(facts, "directory", "DirectoryCertificateParameter")
        arn = "arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}:parameter"
        made.append(statement(["ssm:GetParameter"], Join("", [Sub(arn), parameter])))
    if params.containers:
        repositories = Sub("arn:${AWS::Partition}:ecr:${AWS::Region}:${AWS::AccountId}:repository/*")
        layers = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
        # A token is of no repository: the service knows no other resource.
        made += [statement(["ecr:GetAuthorizationToken"], "*"), statement(layers, repositories)]
    return made
