"""CloudFormation's answers as they were recorded, one behind the other, in place of the service."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from seatrial.architectures import Architecture, ArchitectureParams, Deployment
from seatrial.deploying.cloud import STACK, Cloud
from seatrial.errors import UserError
from seatrial.plan import Plan

ARN = "arn:aws:cloudformation:us-west-2:123456789012:stack/seatrial-small/1"
TEMPLATE = "Resources:\n  Handle:\n    Type: AWS::CloudFormation::WaitConditionHandle\n"
SMALL = Deployment(
    name="small",
    architecture=Architecture(
        name="small",
        title="Small",
        Params=ArchitectureParams,
        render=lambda params, facts: Plan(files={"seatrial-small.yaml": TEMPLATE}),
    ),
    params=ArchitectureParams(region="us-west-2"),
)


class Recorded:
    """Operation -> its answers, of which the last one goes on. An answer that is an error is raised."""

    def __init__(self, patch: pytest.MonkeyPatch, **answers: Any) -> None:
        self.answers = {name: [*one] if isinstance(one, list) else [one] for name, one in answers.items()}
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.waited: list[float] = []
        patch.setattr(Cloud, "ask", lambda cloud, operation, **what: self._answer(operation, what))

    def _answer(self, operation: str, what: dict[str, Any]) -> dict[str, Any]:
        self.asked.append((operation, what))
        answers = self.answers[operation]
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, Exception):
            raise answer
        return dict(answer(what) if callable(answer) else answer)

    def calls(self, operation: str) -> list[dict[str, Any]]:
        return [what for name, what in self.asked if name == operation]


def stack(status: str, **more: Any) -> dict[str, Any]:
    """An answer of DescribeStacks."""
    tags = [{"Key": "seatrial:deployment", "Value": "small"}]
    one = {"StackId": ARN, "StackName": "seatrial-small", "StackStatus": status, "Tags": tags}
    return {"Stacks": [one | {"CreationTime": datetime(2026, 11, 1, tzinfo=UTC)} | more]}


def event(number: int, logical_id: str, status: str, **more: Any) -> dict[str, Any]:
    """One event, of which a higher number is later."""
    own = logical_id == "seatrial-small"
    at = datetime(2026, 11, 1, tzinfo=UTC) + timedelta(seconds=number)
    known = {"EventId": str(number), "StackId": ARN, "StackName": "seatrial-small", "Timestamp": at}
    known |= {"LogicalResourceId": logical_id, "ResourceStatus": status, "PhysicalResourceId": ARN if own else ""}
    return {**known, "ResourceType": STACK if own else "AWS::SSM::Parameter", "ClientRequestToken": "ours", **more}


def absent() -> UserError:
    """What is raised where there is no such stack."""
    from botocore.exceptions import ClientError

    error = UserError("no")  # type: ignore[arg-type]
    said: Any = {"Error": {"Code": "ValidationError", "Message": "Stack with id seatrial-small does not exist"}}
    error.__cause__ = ClientError(said, "DescribeStacks")
    return error
