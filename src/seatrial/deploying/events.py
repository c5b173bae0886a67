"""What happens to a stack, as its events tell it: each once, and the first cause of a failure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile
from typing import Any

from seatrial.deploying.cloud import STACK, Cloud, Stack
from seatrial.errors import Problem, UserError

UNCHANGED = "UNCHANGED"
"""Status of an event that is ours: there is nothing to do."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """Something that happened to a resource, or to the whole stack."""

    at: datetime
    deployment: str
    logical_id: str
    type: str
    status: str
    """``CREATE_IN_PROGRESS``, ``DELETE_SKIPPED``: CloudFormation's own word, or UNCHANGED."""
    reason: str = ""

    @property
    def failed(self) -> bool:
        """Whether it says that something went wrong."""
        return self.status.endswith("_FAILED")


Show = Callable[[Event], None]


def follow(cloud: Cloud, stack_id: str, show: Show, token: str | None = None) -> Stack:
    """Shows the events of an operation until it is over. Returns the stack as it is then.

    `token` is that of the operation; None: the stack's last one.
    """
    seen: set[str] = set()
    last: dict[str, Any] = {}
    for _ in cloud.looks():
        stack = cloud.find(stack_id)  # before the events: the last of them are there when it is at rest
        new = [*takewhile(lambda one: one["EventId"] not in seen, _operation(cloud, stack_id, token))]
        seen.update(one["EventId"] for one in new)
        for one in reversed(new):
            show(_event(cloud, one))
            last = one
        if stack is None or (stack.at_rest and (token is None or _ends(last, stack))):
            break
    if stack is None:  # by its id it is described even after it was deleted
        raise UserError(Problem(f"the stack {cloud.deployment.stack} is gone", cloud.place, "try it again"))
    return stack


def began(cloud: Cloud, stack_id: str, token: str) -> bool:
    """Whether an operation has begun."""
    return any(True for _ in _operation(cloud, stack_id, token))


def first_cause(cloud: Cloud, stack: Stack) -> Event:
    """Why the stack's last operation failed: the first failure, not what was cancelled or taken back because of it."""
    events = [*_operation(cloud, stack.id, None)]
    found = _first_failure(cloud, events[::-1], stack.id)
    if found is not None:
        return found
    return Event(
        at=stack.changed,
        deployment=cloud.deployment.name,
        logical_id=cloud.deployment.stack,
        type=STACK,
        status=stack.status,
        reason=stack.reason or "CloudFormation names no reason",
    )


def failed(cloud: Cloud, stack: Stack) -> UserError:
    """The problem of an operation that failed: its first cause, and how to go on."""
    cause = first_cause(cloud, stack)
    return UserError(Problem(f"{cause.logical_id} ({cause.type}): {cause.reason}", cloud.place, _way_on(cloud, stack)))


def stuck(cloud: Cloud, stack: Stack) -> UserError:
    """The problem of a stack that cannot be changed as it stands."""
    if not stack.at_rest:
        what, remedy = f"the stack is just being changed ({stack.status})", "wait until that is over"
        return UserError(Problem(what, cloud.place, f"{remedy}; see: seatrial arch status {cloud.deployment.name}"))
    cause = first_cause(cloud, stack)
    what = f"the stack is {stack.status}, since {cause.logical_id} ({cause.type}): {cause.reason}"
    return UserError(Problem(what, cloud.place, _way_on(cloud, stack)))


def _way_on(cloud: Cloud, stack: Stack) -> str:
    again = f"seatrial arch deploy {cloud.deployment.name}"
    away = f"seatrial arch delete {cloud.deployment.name}"
    return {
        "ROLLBACK_COMPLETE": f"all of it was taken back; repair the cause, then: {again}",
        "UPDATE_ROLLBACK_COMPLETE": f"it is again as it was before; repair the cause, then: {again}",
        "UPDATE_ROLLBACK_FAILED": f"repair the cause, then: {cloud.command('continue-update-rollback')}",
        "UPDATE_FAILED": f"repair the cause, then: {cloud.command('rollback-stack')}",
        "DELETE_FAILED": f"repair the cause, then again: {away}",
    }.get(stack.status, f"repair the cause, then: {away}; and: {again}")


def _first_failure(cloud: Cloud, events: list[dict[str, Any]], stack_id: str) -> Event | None:
    """Of events, oldest first. A stack in the stack failed for a reason of its own."""
    for one in events:
        reason = one.get("ResourceStatusReason") or ""
        if not one["ResourceStatus"].endswith("_FAILED") or "cancelled" in reason:
            continue
        inner = one.get("PhysicalResourceId")
        if one["ResourceType"] == STACK and inner and inner != stack_id:
            known = [*cloud.pages("describe_stack_events", "StackEvents", StackName=inner)]
            of_it = [event for event in reversed(known) if event["Timestamp"] >= events[0]["Timestamp"]]
            return _first_failure(cloud, of_it, inner) or _event(cloud, one)
        return _event(cloud, one)
    return None


def _ends(event: Mapping[str, Any], stack: Stack) -> bool:
    """Whether an event is the one that brought the stack where it is: else its operation has not begun yet."""
    return event.get("PhysicalResourceId") == stack.id and event["ResourceStatus"] == stack.status


def _operation(cloud: Cloud, stack_id: str, token: str | None) -> Iterator[dict[str, Any]]:
    """Events of one operation, newest first: all that carry its token. One of the console's has a token, too; one of
    a program that gave none is told by how it began."""
    first = True
    for one in cloud.pages("describe_stack_events", "StackEvents", StackName=stack_id):
        if first and token is None:
            token = one.get("ClientRequestToken")
        first = False
        if one.get("ClientRequestToken") != token:
            return
        yield one
        if one.get("PhysicalResourceId") == stack_id and one.get("ResourceStatusReason") == "User Initiated":
            return


def _event(cloud: Cloud, found: Mapping[str, Any]) -> Event:
    return Event(
        at=found["Timestamp"],
        deployment=cloud.deployment.name,
        logical_id=found["LogicalResourceId"],
        type=found["ResourceType"],
        status=found["ResourceStatus"],
        reason=found.get("ResourceStatusReason") or "",
    )
