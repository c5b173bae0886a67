"""SageMaker's clusters for CloudFormation, by moto's own service, after SageMaker's own model has looked at them.

A client checks types and lengths alone: patterns and choices are held against the model here. moto's service knows the
instance types of 2023, no ids of clusters and instances, and no change of a cluster. Its nodes run nothing: what stands
in their log is what they would say at the end."""

from __future__ import annotations

import contextlib
import re
import secrets
import time
from collections.abc import Iterator
from typing import Any

from botocore.model import Shape
from botocore.session import get_session
from moto.sagemaker.models import Cluster, sagemaker_backends

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
    model,
    typed,
)

KIND = "AWS::SageMaker::Cluster"
REQUEST = get_session().get_service_model("sagemaker").operation_model("CreateCluster").input_shape


def refused(value: Any, shape: Shape, where: str = "") -> Iterator[str]:
    """What SageMaker's model says against a value."""
    if shape.type_name == "structure":
        yield from (f"{where}.{name} is missing" for name in {*shape.required_members} - {*value})
        yield from (f"{where}.{name} is not known" for name in {*value} - {*shape.members})
        for name in {*value} & {*shape.members}:
            yield from refused(value[name], shape.members[name], f"{where}.{name}")
    elif shape.type_name == "list":
        yield from _outside(len(value), shape, f"the length of {where}")
        for place, one in enumerate(value):
            yield from refused(one, shape.member, f"{where}[{place}]")
    elif shape.type_name == "string":
        yield from _outside(len(value), shape, f"the length of {where}")
        pattern = shape.metadata.get("pattern", ".*")
        fits = "\\p{" in pattern or re.fullmatch(pattern, value)  # Python knows no classes of Unicode
        if not fits or value not in shape.metadata.get("enum", [value]):
            yield f"{where} is {value}"
    elif shape.type_name == "integer":
        yield from _outside(int(value), shape, where)


def _outside(value: int, shape: Shape, where: str) -> Iterator[str]:
    if not shape.metadata.get("min", value) <= value <= shape.metadata.get("max", value):
        yield f"{where} is {value}"


@model(KIND, "ClusterName")
def _cluster(name: str, properties: Properties) -> Made:
    asked = {"ClusterName": name, **properties}
    if wrong := [*refused(asked, REQUEST)]:
        raise ValueError(f"SageMaker refuses the cluster: {'; '.join(wrong)}")
    if orchestrator := asked.get("Orchestrator"):  # moto forgets it
        eks = orchestrator["Eks"]["ClusterArn"]
        if api("eks").describe_cluster(name=eks.rpartition("/")[2])["cluster"]["arn"] != eks:
            raise ValueError(f"there is no {eks}")
    arn = api("sagemaker").create_cluster(**typed("sagemaker", "CreateCluster", asked))["ClusterArn"]
    _begun(arn)
    return arn, {"ClusterArn": arn, "ClusterStatus": "InService"}


def _changed(arn: str, properties: Properties) -> Made:
    """moto has no update-cluster: groups and their nodes are made anew, as they are to be."""
    if wrong := [*refused({**properties, "ClusterName": arn.rpartition("/")[2]}, REQUEST)]:
        raise ValueError(f"SageMaker refuses the change: {'; '.join(wrong)}")
    backend = sagemaker_backends[ACCOUNT][REGION]
    name = next(one.cluster_name for one in backend.clusters.values() if one.arn == arn)
    del backend.clusters[name]
    api("sagemaker").create_cluster(**typed("sagemaker", "CreateCluster", {**properties, "ClusterName": name}))
    _begun(arn)
    return arn, {"ClusterArn": arn, "ClusterStatus": "InService"}


def _begun(arn: str) -> None:
    """Nodes have ids as HyperPod's, and each a stream with what its scripts say.

    https://docs.aws.amazon.com/sagemaker/latest/dg/sagemaker-hyperpod-cluster-management-slurm.html
    """
    name = arn.rpartition("/")[2]  # which moto has for an id, too
    cluster = sagemaker_backends[ACCOUNT][REGION].clusters[name]
    logs, group = api("logs"), f"/aws/sagemaker/Clusters/{name}/{name}"
    with contextlib.suppress(logs.exceptions.ResourceAlreadyExistsException):
        logs.create_log_group(logGroupName=group)
    for node in [*cluster.nodes.values()]:
        del cluster.nodes[node.instance_id]
        node.instance_id = f"i-{secrets.token_hex(9)[:17]}"
        cluster.nodes[node.instance_id] = node
        stream = f"LifecycleConfig/{node.instance_group_name}/{node.instance_id}"
        logs.create_log_stream(logGroupName=group, logStreamName=stream)
        said = [{"timestamp": int(time.time() * 1000), "message": "the node is ready"}]
        logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=said)


KINDS[KIND] = MODELS[-1]
DELETERS[KIND] = lambda arn, _: api("sagemaker").delete_cluster(ClusterName=arn)
UPDATERS[KIND] = _changed
REPLACED[KIND] = {"ClusterName", "VpcConfig"}

Cluster.valid_cluster_node_instance_types = lambda *_: None  # type: ignore[method-assign]
