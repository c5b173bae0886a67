"""Resources of CloudFormation that moto lacks, or cannot update or delete: each stands on moto's own services."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from moto.cloudformation import parsing
from moto.core import DEFAULT_ACCOUNT_ID as ACCOUNT
from moto.core.common_models import CloudFormationModel
from moto.ec2.models import ec2_backends
from moto.s3.models import s3_backends

Properties = dict[str, Any]
Made = tuple[str, dict[str, Any]]
"""Physical id of what was made, and its attributes."""


class Resource:
    """What was made of a model below."""

    physical_resource_id: str
    attributes: dict[str, Any]

    def get_cfn_attribute(self, name: str) -> Any:
        return self.attributes[name]

    def is_created(self) -> bool:
        return True


def model(kind: str, name_property: str = "") -> Callable[[Callable[[str, Properties, str], Made]], None]:
    """Adds a type to those that moto knows: the function makes one of its name, properties and region."""

    def add(make: Callable[[str, Properties, str], Made]) -> None:
        def create(
            _: type, resource_name: str, cloudformation_json: Any, account_id: str, region_name: str, **__: Any
        ) -> Any:
            one = made()
            properties = cloudformation_json.get("Properties", {})
            one.physical_resource_id, one.attributes = make(resource_name, properties, region_name)
            return one

        made = type(f"Model{kind.replace(':', '')}", (Resource, CloudFormationModel), {
            "cloudformation_type": staticmethod(lambda: kind),
            "cloudformation_name_type": staticmethod(lambda: name_property),
            "create_from_cloudformation_json": classmethod(create),
        })  # fmt: skip
        MODELS.append(made)

    return add


MODELS: list[type] = []
"""Moto finds them as subclasses, which lives as long as somebody holds them."""


@model("AWS::CloudFormation::WaitConditionHandle")
def _handle(name: str, properties: Properties, region: str) -> Made:
    return f"https://cloudformation-waitcondition-{region}.s3.amazonaws.com/{name}", {}


@model("AWS::S3::BucketPolicy")
def _bucket_policy(name: str, properties: Properties, region: str) -> Made:
    import json

    policy = json.dumps(properties["PolicyDocument"]).encode()
    s3_backends[ACCOUNT]["aws"].put_bucket_policy(properties["Bucket"], policy)
    return properties["Bucket"], {}


parsing.NULL_MODELS.clear()
KINDS = {kind: one for kind, one in parsing.get_model_map().items() if kind.startswith("AWS::")}


def known(kind: str) -> bool:
    """Whether there is such a type."""
    return kind in KINDS


def pseudo_parameters(region: str, stack_id: str, name: str) -> dict[str, Any]:
    """What every template may name."""
    return {
        "AWS::AccountId": ACCOUNT,
        "AWS::Region": region,
        "AWS::StackId": stack_id,
        "AWS::StackName": name,
        "AWS::URLSuffix": "amazonaws.com",
        "AWS::NoValue": None,
        "AWS::Partition": "aws",
    }


REPLACED = {"AWS::S3::Bucket": {"BucketName"}, "AWS::EC2::VPC": {"CidrBlock"}, "AWS::EC2::Subnet": {"CidrBlock"}}
"""Type -> properties that cannot be changed, of those that the tests change."""


def replacement(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """What a change set says about a resource that is changed."""
    before, after = one.get("Properties", {}), other.get("Properties", {})
    changed = sorted(key for key in {*before, *after} if before.get(key) != after.get(key))
    again = set(changed) & REPLACED.get(other["Type"], set())
    details = [{"Target": {"Attribute": "Properties", "Name": key}} for key in changed]
    return {"Replacement": "True" if again or one["Type"] != other["Type"] else "False", "Details": details}


DELETERS: dict[str, Callable[[Any, Any], Any]] = {}
"""Types that moto's models cannot delete."""


def delete(one: Any, definition: dict[str, Any], account: str, region: str) -> None:
    """Deletes what was made. Whatever moto cannot delete is found out."""
    kind = definition["Type"]
    if kind in DELETERS:
        DELETERS[kind](ec2_backends[account][region], one)
    elif hasattr(KINDS[kind].delete_from_cloudformation_json, "__isabstractmethod__"):
        if not isinstance(one, Resource):
            one.delete(account, region)
    else:
        KINDS[kind].delete_from_cloudformation_json(one.physical_resource_id, definition, account, region)


def drift(one: Any, definition: dict[str, Any]) -> tuple[str, list[str]]:
    """How a resource differs from its definition, of the types that can be compared: CloudFormation knows some only."""
    if definition["Type"] != "AWS::S3::Bucket":
        return "NOT_CHECKED", []
    if one.name not in s3_backends[ACCOUNT]["aws"].buckets:
        return "DELETED", []
    return ("MODIFIED", ["VersioningConfiguration"]) if one.versioning_status == "Suspended" else ("IN_SYNC", [])


_ = uuid
