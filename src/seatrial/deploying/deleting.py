"""What would be lost, and its deletion: what needs others first, those last."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass

from seatrial.architectures import Deployment
from seatrial.deploying.cloud import GONE, PROPOSED, REVIEWED, Cloud, Stack, Wait, said
from seatrial.deploying.events import Show, failed, follow
from seatrial.deploying.templates import holds_data, policy_of, resources, text_in
from seatrial.errors import Problem, UserError


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """A resource of a stack that would be deleted."""

    logical_id: str
    type: str
    physical_id: str
    policy: str
    """``Delete``, ``Retain``, or ``Snapshot``: it is deleted and leaves one behind."""
    holds_data: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Loss:
    """What would be lost with a stack, and what not."""

    deployment: str
    stack: str
    protected: bool
    """Whether it is protected from deletion."""
    parts: tuple[Part, ...]
    imported_by: tuple[str, ...]
    """Stacks that import what it exports, and would not be deleted before it."""

    @property
    def lost(self) -> tuple[Part, ...]:
        """What is gone with the stack."""
        return tuple(part for part in self.parts if part.policy != "Retain")

    @property
    def kept(self) -> tuple[Part, ...]:
        """What outlives the stack, and goes on to cost."""
        return tuple(part for part in self.parts if part.policy == "Retain")


def losses(deployment: Deployment, *, everything: bool = False, wait: Wait = time.sleep) -> list[Loss]:
    """What would be lost with its stack; `everything`: also with those of what it needs, in the order of deletion."""
    clouds = _clouds(deployment, everything, wait)
    stacks = [(cloud, stack) for cloud in clouds if (stack := cloud.owned()) is not None]
    return [_loss(cloud, stack, {one.deployment.stack for one in clouds}) for cloud, stack in stacks]


def delete(
    deployment: Deployment,
    show: Show,
    *,
    everything: bool = False,
    unprotect: bool = False,
    wait: Wait = time.sleep,
) -> None:
    """Deletes its stack; `everything`: then those of what it needs, in reverse order.

    Nothing is emptied, and nothing is begun where another stack imports from one of them, or where one is protected,
    unless `unprotect` says that this is meant. What is gone already is passed over, so that after an interruption the
    same call goes on. Raises UserError with the first cause of a failure.
    """
    found = losses(deployment, everything=everything, wait=wait)
    if problems := [*_obstacles(deployment, found, everything, unprotect)]:
        raise UserError(problems)
    for cloud in _clouds(deployment, everything, wait):
        _delete(cloud, show)


def _clouds(deployment: Deployment, everything: bool, wait: Wait) -> list[Cloud]:
    return [Cloud(one, wait) for one in (reversed(deployment.order()) if everything else [deployment])]


def _obstacles(deployment: Deployment, found: list[Loss], everything: bool, unprotect: bool) -> Iterator[Problem]:
    command = f"seatrial arch delete {deployment.name}{' --all' if everything else ''} --unprotect"
    for loss in found:
        where = f"architectures.{loss.deployment}"
        if loss.imported_by:
            what = f"what the stack {loss.stack} exports is used by {', '.join(loss.imported_by)}"
            yield Problem(what, where, "delete those first: seatrial arch delete NAME")
        if loss.protected and not unprotect:
            what = f"the stack {loss.stack} is protected from deletion, since it holds data"
            yield Problem(what, where, f"if it shall be gone: {command}")


def _loss(cloud: Cloud, stack: Stack, doomed: set[str]) -> Loss:
    template = {} if stack.status == REVIEWED else resources(text_in(cloud, stack))
    parts = []
    for one in cloud.resources(stack) if template else ():
        if one["ResourceStatus"] == GONE or not one.get("PhysicalResourceId"):
            continue
        definition = template.get(one["LogicalResourceId"], {"Type": one["ResourceType"]})
        parts.append(
            Part(
                logical_id=one["LogicalResourceId"],
                type=one["ResourceType"],
                physical_id=one["PhysicalResourceId"],
                policy="Retain" if one["ResourceStatus"] == "DELETE_SKIPPED" else policy_of(definition),
                holds_data=holds_data(definition),
            )
        )
    return Loss(
        deployment=cloud.deployment.name,
        stack=cloud.deployment.stack,
        protected=stack.protected,
        parts=tuple(parts),
        imported_by=tuple(sorted({name for export in stack.exports for name in _importers(cloud, export)} - doomed)),
    )


def _importers(cloud: Cloud, export: str) -> list[str]:
    try:
        return [str(name) for name in cloud.pages("list_imports", "Imports", ExportName=export)]
    except UserError as error:
        if "is not imported by any stack" in said(error):
            return []
        raise


def _delete(cloud: Cloud, show: Show) -> None:
    stack = cloud.owned()
    # A creation can be deleted while it is going on, and may have an hour before it.
    if stack is not None and not stack.at_rest and stack.status != "CREATE_IN_PROGRESS":
        stack = follow(cloud, stack.id, show)
    if stack is None or stack.status == GONE:
        return
    if stack.protected:
        cloud.ask("update_termination_protection", StackName=stack.id, EnableTerminationProtection=False)
    remove(cloud, stack, show)


def remove(cloud: Cloud, stack: Stack, show: Show) -> None:
    """Deletes a stack. Raises UserError with the first cause if that fails."""
    token = f"{PROPOSED}{uuid.uuid4().hex}"
    cloud.ask("delete_stack", StackName=stack.id, ClientRequestToken=token)
    after = follow(cloud, stack.id, show, token)
    if after.status != GONE:
        raise failed(cloud, after)
