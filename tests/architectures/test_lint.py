"""cfn-lint finds nothing in any shape; tests/trials/architectures tries combinations of all parameters."""

from __future__ import annotations

import json

import pytest

from tests.architectures.deployments import EVERY_SHAPE, deployment, shapes
from tests.architectures.linting import lint, lint_text


@pytest.mark.parametrize(("name", "shape"), EVERY_SHAPE)
def test_nothing_is_found_in_a_shape(name: str, shape: str) -> None:
    one = deployment(name, shapes(name)[shape])
    assert one.problems() == []
    assert lint(one) == []


def test_what_is_wrong_is_found() -> None:
    """Errors, warnings and what is only for information."""
    table = {
        "Type": "AWS::DynamoDB::Table",
        "Properties": {
            "AttributeDefinitions": [{"AttributeName": "a", "AttributeType": "S"}],
            "KeySchema": [{"AttributeName": "a", "KeyType": "HASH"}],
            "BillingMode": "PAY_PER_REQUEST",
        },
    }
    subnet = {
        "Type": "AWS::EC2::Subnet",
        "Properties": {"VpcId": "a", "CidrBlock": "10.0.0.0/16", "AvailabilityZone": "us-west-2a"},
    }
    found = lint_text(json.dumps({"Resources": {"Table": table, "Subnet": subnet}}), "us-west-2")
    assert {line.split()[0] for line in found} == {"I3011", "W3010", "E1151"}
