"""Templates: what in them holds data, and how CloudFormation takes them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from seatrial.architectures import IN_BUCKET, Deployment, parsed
from seatrial.deploying.cloud import COMPLETE, Cloud, Stack
from seatrial.errors import Problem, UserError
from seatrial.plan import Plan

LONGEST_BODY = 51_200
"""Bytes of a template in a request; a longer one, up to 1 MB, lies in a bucket.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html"""

DATA = frozenset({
    "AWS::DirectoryService::MicrosoftAD", "AWS::DirectoryService::SimpleAD", "AWS::DynamoDB::Table",
    "AWS::EC2::Volume", "AWS::EFS::FileSystem", "AWS::FSx::FileSystem", "AWS::FSx::Volume", "AWS::RDS::DBCluster",
    "AWS::RDS::DBInstance", "AWS::S3::Bucket", "AWS::SecretsManager::Secret",
})  # fmt: skip
"""Types that hold what cannot be made again."""


def template_of(deployment: Deployment, plan: Plan) -> str:
    """The template in its plan."""
    return plan.files[f"{deployment.stack}.yaml"]


def text_in(cloud: Cloud, stack: Stack) -> str:
    """The template that a stack was made of."""
    import json

    found = cloud.ask("get_template", StackName=stack.id, TemplateStage="Original")["TemplateBody"]
    return found if isinstance(found, str) else json.dumps(found)  # boto3 reads JSON on its own


def resources(text: str) -> dict[str, dict[str, Any]]:
    """Logical id -> resource of a template."""
    return dict(parsed(text).get("Resources", {}))


def policy_of(resource: Mapping[str, Any]) -> str:
    """What becomes of a resource with its stack: ``Delete``, ``Retain``, or ``Snapshot``, and it is deleted.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-deletionpolicy.html"""
    kind = resource["Type"]
    alone = kind == "AWS::RDS::DBInstance" and "DBClusterIdentifier" not in resource.get("Properties", {})
    default = "Snapshot" if kind == "AWS::RDS::DBCluster" or alone else "Delete"
    return str(resource.get("DeletionPolicy", default)).replace("RetainExceptOnCreate", "Retain")


def holds_data(resource: Mapping[str, Any]) -> bool:
    """Whether with it something is lost that cannot be made again."""
    return policy_of(resource) != "Delete" or resource["Type"] in DATA


def submitted(cloud: Cloud, text: str) -> dict[str, str]:
    """The argument by which CloudFormation takes a template: itself, or where it lies. Raises UserError."""
    size = len(text.encode())
    if size <= LONGEST_BODY:
        return {"TemplateBody": text}
    bucket = _bucket(cloud)
    if bucket is None:
        what = f"its template has {size:,} bytes; CloudFormation takes more than {LONGEST_BODY:,} from a bucket only"
        remedy = "name a deployment of the architecture s3 as its bucket, and deploy that first"
        raise UserError(Problem(what, cloud.place, remedy))
    key = f"seatrial/templates/{hashlib.sha256(text.encode()).hexdigest()}.yaml"
    _put(cloud, bucket, key, text)
    return {"TemplateURL": f"{cloud.client('s3').meta.endpoint_url}/{bucket}/{key}"}


def publish(cloud: Cloud, plan: Plan) -> None:
    """Puts files of a plan that its stack reads from the bucket there. Raises UserError."""
    texts = {path.removeprefix(IN_BUCKET): text for path, text in plan.files.items() if path.startswith(IN_BUCKET)}
    bucket = _bucket(cloud) if texts else None
    for key, text in texts.items():
        if bucket is None:
            remedy = "name a deployment of the architecture s3 as its bucket"
            raise UserError(Problem(f"{key} belongs into a bucket, and it has none", cloud.place, remedy))
        _put(cloud, bucket, key, text)


def _put(cloud: Cloud, bucket: str, key: str, text: str) -> None:
    """Puts an object there, unless it is there: a bucket with versions would keep each one."""
    raw = text.encode()
    there = cloud.ask("list_objects_v2", service="s3", Bucket=bucket, Prefix=key).get("Contents", ())
    tag = hashlib.md5(raw, usedforsecurity=False).hexdigest()  # S3's own, of what is uploaded in one piece
    if not any(one["Key"] == key and one["ETag"].strip('"') == tag for one in there):
        cloud.ask("put_object", service="s3", Bucket=bucket, Key=key, Body=raw)


def _bucket(cloud: Cloud) -> str | None:
    """That of an s3 deployment that this one needs, if it is there."""
    for needed in cloud.deployment.order()[:-1]:
        if needed.architecture.name == "s3":
            stack = Cloud(needed, cloud.wait).owned()
            if stack is not None and stack.status in COMPLETE:
                return stack.outputs.get("Bucket")
    return None
