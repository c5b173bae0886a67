"""The table of actions knows what our templates make, and names only what AWS has."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest
from botocore.session import get_session
from troposphere import AWSObject

from seatrial import architectures
from seatrial.preflight.actions import ACTIONS, ALWAYS, actions

NO_OPERATIONS = {
    "iam:PassRole",
    "s3:PutBucketPublicAccessBlock",
    "s3:PutEncryptionConfiguration",
    "s3:PutLifecycleConfiguration",
}
"""Actions that have other names than operations:
https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html"""


def test_actions_are_operations_of_their_services():
    session = get_session()
    wanted = {*ALWAYS, *(action for kind in ACTIONS.values() for action in kind)} - NO_OPERATIONS
    services = {action.partition(":")[0] for action in wanted}
    operations = {
        f"{service}:{name}" for service in services for name in session.get_service_model(service).operation_names
    }
    assert wanted <= operations


def made() -> set[str]:
    """Types of resources that the source of our architectures makes."""
    root = Path(architectures.__file__).parent
    text = "\n".join(path.read_text() for path in root.rglob("*.py"))
    found = set()
    for module, name in re.findall(r"\b([a-z][a-z0-9]*)\.([A-Z]\w+)\(", text):
        try:
            kind = getattr(importlib.import_module(f"troposphere.{module}"), name, None)
        except ModuleNotFoundError:
            continue
        if isinstance(kind, type) and issubclass(kind, AWSObject):
            found.add(kind.resource_type)
    return found


def test_every_type_that_our_templates_make_is_known():
    assert "AWS::S3::Bucket" in made()
    assert actions(made())[1] == []


@pytest.mark.parametrize("kind", ["AWS::X::Y"])
def test_an_unknown_type_is_named(kind):
    assert actions([kind, kind, "Custom::Cluster"]) == (sorted(ALWAYS), [kind])
