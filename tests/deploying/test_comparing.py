"""What a change of a template would change, without asking AWS."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from seatrial.deploying import Row, compare
from seatrial.deploying.templates import holds_data, policy_of


def template(**resources: Any) -> str:
    return yaml.safe_dump({"Resources": resources})


def resource(kind: str, attributes: dict[str, Any] | None = None, **properties: Any) -> dict[str, Any]:
    return {"Type": kind, "Properties": properties, **(attributes or {})}


def rows(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Row]:
    return {row.logical_id: row for row in compare(template(**before), template(**after))}


def test_nothing_differs() -> None:
    assert rows({"A": resource("AWS::S3::Bucket")}, {"A": resource("AWS::S3::Bucket")}) == {}


def test_added_and_removed() -> None:
    found = rows({"A": resource("AWS::S3::Bucket")}, {"B": resource("AWS::EC2::VPC")})
    assert (found["A"].action, found["A"].endangers) == ("Remove", True)
    assert (found["B"].action, found["B"].endangers) == ("Add", False)


@pytest.mark.parametrize(
    ("kind", "before", "after", "replacement"),
    [
        ("AWS::S3::Bucket", {"BucketName": "a"}, {"BucketName": "b"}, "True"),
        ("AWS::S3::Bucket", {"Tags": []}, {"Tags": [{"Key": "a", "Value": "b"}]}, "False"),
        ("AWS::EC2::Subnet", {"CidrBlock": "10.0.0.0/24"}, {"CidrBlock": "10.0.1.0/24"}, "True"),
        ("AWS::RDS::DBInstance", {"Engine": "mysql"}, {"Engine": "aurora-mysql"}, "Conditional"),
        ("AWS::FSx::FileSystem", {"SubnetIds": ["a"]}, {"SubnetIds": ["b"]}, "True"),
        # Of old types the schema does not say what cannot be changed.
        ("AWS::FSx::FileSystem", {"LustreConfiguration": {"A": 1}}, {"LustreConfiguration": {"A": 2}}, "unknown"),
        ("Custom::Thing", {"A": 1}, {"A": 2}, "unknown"),
        ("AWS::No::Such", {"A": 1}, {"A": 2}, "unknown"),
    ],
)
def test_what_is_replaced(kind: str, before: dict[str, Any], after: dict[str, Any], replacement: str) -> None:
    (row,) = rows({"A": resource(kind, **before)}, {"A": resource(kind, **after)}).values()
    assert (row.action, row.replacement, row.properties) == ("Modify", replacement, tuple(before))


def test_a_type_that_differs_is_another_resource() -> None:
    (row,) = rows({"A": resource("AWS::EC2::VPC")}, {"A": resource("AWS::S3::Bucket")}).values()
    assert (row.replacement, row.type) == ("True", "AWS::S3::Bucket")


def test_what_leans_on_a_replaced_resource_may_be_replaced() -> None:
    def network(cidr: str) -> dict[str, Any]:
        return {
            "Vpc": resource("AWS::EC2::VPC", CidrBlock=cidr),
            "Subnet": resource("AWS::EC2::Subnet", VpcId={"Ref": "Vpc"}, CidrBlock="10.0.0.0/24"),
            "Group": resource("AWS::EC2::SecurityGroup", GroupDescription="x", VpcId={"Fn::GetAtt": ["Vpc", "VpcId"]}),
            "Note": resource("AWS::SSM::Parameter", Type="String", Value={"Fn::Sub": "in ${Subnet.Arn}"}),
            "Bucket": resource("AWS::S3::Bucket", Tags=[{"Key": "a", "Value": "b"}]),
        }

    found = rows(network("10.0.0.0/16"), network("10.1.0.0/16"))
    assert {name: row.replacement for name, row in found.items()} == {
        "Vpc": "True",
        "Subnet": "Conditional",
        "Group": "Conditional",
        "Note": "False",
    }
    assert found["Subnet"].properties == ("VpcId",)


def test_an_attribute_is_changed_in_place() -> None:
    kept = resource("AWS::S3::Bucket", {"DeletionPolicy": "Retain"})
    (row,) = rows({"A": resource("AWS::S3::Bucket")}, {"A": kept}).values()
    assert (row.replacement, row.properties, row.endangers) == ("False", ("DeletionPolicy",), False)


@pytest.mark.parametrize(
    ("one", "policy", "data"),
    [
        (resource("AWS::EC2::VPC"), "Delete", False),
        (resource("AWS::EC2::VPC", {"DeletionPolicy": "Retain"}), "Retain", True),
        (resource("AWS::S3::Bucket", {"DeletionPolicy": "RetainExceptOnCreate"}), "Retain", True),
        (resource("AWS::S3::Bucket"), "Delete", True),
        (resource("AWS::RDS::DBCluster"), "Snapshot", True),
        (resource("AWS::RDS::DBInstance"), "Snapshot", True),
        (resource("AWS::RDS::DBInstance", DBClusterIdentifier="a"), "Delete", True),
        (resource("AWS::RDS::DBCluster", {"DeletionPolicy": "Delete"}), "Delete", True),
    ],
)
def test_what_becomes_of_a_resource_with_its_stack(one: dict[str, Any], policy: str, data: bool) -> None:
    assert (policy_of(one), holds_data(one)) == (policy, data)
