"""Where deployments stand: their stacks, the outputs, and what somebody changed behind CloudFormation's back."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from seatrial.architectures import Deployment
from seatrial.deploying.cloud import COMPLETE, REVIEWED, SUCCEEDED, Cloud, Stack, Wait
from seatrial.deploying.events import first_cause
from seatrial.errors import Problem, UserError

State = Literal["absent", "complete", "in-progress", "failed", "foreign"]
"""Foreign: a stack of that name is there, and is not the deployment's."""
DriftState = Literal["IN_SYNC", "DRIFTED", "UNKNOWN"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Drifted:
    """A resource that is not what its template says, or of which CloudFormation cannot tell."""

    logical_id: str
    type: str
    physical_id: str
    state: str
    """``MODIFIED``, ``DELETED`` or ``UNKNOWN``."""
    properties: tuple[str, ...] = ()
    """Paths of those that differ: ``/VersioningConfiguration/Status``."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Drift:
    """How a stack differs from its template."""

    state: DriftState
    """IN_SYNC speaks of what could be compared; `resources` names the rest as UNKNOWN."""
    resources: tuple[Drifted, ...] = ()
    reason: str = ""
    """Why it could not be told."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """Where one deployment stands."""

    deployment: str
    stack: str
    state: State
    status: str = ""
    """CloudFormation's own word."""
    reason: str = ""
    """Of a stack whose last change did not succeed: the first cause."""
    changed: datetime | None = None
    """When it was last changed."""
    protected: bool = False
    """Whether it is protected from deletion."""
    drift: Drift | None = None
    """None: not asked for, or nothing is there that could have drifted."""


def status(deployment: Deployment, *, drift: bool = False, wait: Wait = time.sleep) -> list[Standing]:
    """Where what it needs stands, and itself, which is the last. `drift`: whether anything was changed by hand, which
    takes CloudFormation up to minutes."""
    return [_standing(Cloud(one, wait), drift) for one in deployment.order()]


def outputs(deployment: Deployment) -> Mapping[str, str]:
    """The outputs of its stack. Raises UserError where there is none, or it has none yet."""
    cloud = Cloud(deployment, time.sleep)
    stack = cloud.owned()
    if stack is None or stack.status == REVIEWED:
        remedy = f"seatrial arch deploy {deployment.name}"
        raise UserError(Problem(f"is not deployed: there is no stack {deployment.stack}", cloud.place, remedy))
    if not stack.outputs and stack.status not in COMPLETE:
        what = f"the stack {deployment.stack} is {stack.status}, and says nothing of what it made"
        raise UserError(Problem(what, cloud.place, f"see: seatrial arch status {deployment.name}"))
    return stack.outputs


def _standing(cloud: Cloud, drift: bool) -> Standing:
    name, stack = cloud.deployment.name, cloud.find()
    if stack is None:
        return Standing(deployment=name, stack=cloud.deployment.stack, state="absent")
    state = _state(cloud, stack)
    told = ""
    if state in ("complete", "failed") and stack.status not in SUCCEEDED:
        cause = first_cause(cloud, stack)
        told = f"{cause.logical_id} ({cause.type}): {cause.reason}"
    return Standing(
        deployment=name,
        stack=cloud.deployment.stack,
        state=state,
        status=stack.status,
        reason=told or stack.reason,
        changed=stack.changed,
        protected=stack.protected,
        drift=_drift(cloud, stack) if drift and state == "complete" else None,
    )


def _state(cloud: Cloud, stack: Stack) -> State:
    if not cloud.owns(stack):
        return "foreign"
    if stack.status == REVIEWED:
        return "absent"
    if not stack.at_rest:
        return "in-progress"
    return "complete" if stack.status in COMPLETE else "failed"


def _drift(cloud: Cloud, stack: Stack) -> Drift:
    detection = cloud.ask("detect_stack_drift", StackName=stack.id)["StackDriftDetectionId"]
    for _ in cloud.looks():
        found = cloud.ask("describe_stack_drift_detection_status", StackDriftDetectionId=detection)
        if found["DetectionStatus"] != "DETECTION_IN_PROGRESS":
            break
    pages = cloud.pages("describe_stack_resource_drifts", "StackResourceDrifts", StackName=stack.id)
    compared = {one["LogicalResourceId"]: one for one in pages}
    differing = tuple(one for one in _compared(cloud, stack, compared) if one.state != "IN_SYNC")
    reason = (found.get("DetectionStatusReason") or "") if found["DetectionStatus"] == "DETECTION_FAILED" else ""
    state: DriftState = "UNKNOWN"
    if any(one.state != "UNKNOWN" for one in differing):
        state = "DRIFTED"
    elif not reason and found.get("StackDriftStatus") == "IN_SYNC" and compared:
        state = "IN_SYNC"
    return Drift(state=state, resources=differing, reason=reason)


def _compared(cloud: Cloud, stack: Stack, compared: Mapping[str, Any]) -> Iterator[Drifted]:
    """All that the stack consists of: CloudFormation compares some types only, and does not list the others."""
    for one in cloud.resources(stack):
        found = compared.get(one["LogicalResourceId"], {})
        state = found.get("StackResourceDriftStatus")
        yield Drifted(
            logical_id=one["LogicalResourceId"],
            type=one["ResourceType"],
            physical_id=one.get("PhysicalResourceId") or "",
            state=state if state in ("IN_SYNC", "MODIFIED", "DELETED") else "UNKNOWN",
            properties=tuple(difference["PropertyPath"] for difference in found.get("PropertyDifferences", ())),
        )
