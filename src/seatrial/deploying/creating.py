"""From what is there to what is wanted: stack after stack, what each needs first."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

from seatrial.architectures import Deployment
from seatrial.deploying.cloud import COMPLETE, GONE, REVIEWED, STACK, SUCCEEDED, Cloud, Stack, Wait
from seatrial.deploying.deleting import remove
from seatrial.deploying.events import UNCHANGED, Event, Show, failed, follow, stuck
from seatrial.deploying.installing import install
from seatrial.deploying.proposals import Change, proposed
from seatrial.deploying.templates import policy_of, publish, resources, template_of
from seatrial.errors import Problem, UserError

Ask = Callable[[Change], bool]


def changes(deployment: Deployment, *, wait: Wait = time.sleep) -> Change:
    """What a deployment of it would change in its own stack, by a change set that is deleted again."""
    cloud = Cloud(deployment, wait)
    stack = cloud.owned()
    if stack is not None and stack.status not in (*COMPLETE, REVIEWED):
        raise stuck(cloud, stack)
    with proposed(cloud, stack, template_of(deployment, deployment.render())) as proposal:
        return proposal.change


def deploy(deployment: Deployment, show: Show, ask: Ask, *, wait: Wait = time.sleep) -> bool:
    """Deploys what it needs, then itself; what is there already is changed where it differs. What belongs into it is
    installed each time: whoever took something of it away has it again.

    Nothing is done that `ask` has not agreed to. Returns False as soon as it does not, and raises UserError with the
    first cause of a failure. After an interruption, whenever it came, the same call goes on from there.
    """
    if problems := deployment.problems():
        raise UserError(problems)
    return all(_deploy(Cloud(one, wait), show, ask) for one in deployment.order())


def _deploy(cloud: Cloud, show: Show, ask: Ask) -> bool:
    plan = cloud.deployment.render()
    text = template_of(cloud.deployment, plan)
    stack = _prepared(cloud, show)
    with proposed(cloud, stack, text) as proposal:
        if proposal.change.anything and not ask(proposal.change):
            return False
        publish(cloud, plan)
        if proposal.change.anything:
            proposal.execute()
            stack = follow(cloud, proposal.stack_id, show, proposal.name)
            if stack.status not in SUCCEEDED:
                raise failed(cloud, stack)
        else:
            show(_unchanged(cloud))
    if stack is not None and not stack.protected and _outlived(text):
        cloud.ask("update_termination_protection", StackName=stack.id, EnableTerminationProtection=True)
    install(cloud, show)
    return True


def _outlived(text: str) -> bool:
    """Whether something is kept when the stack is deleted: whoever says that holds it dear."""
    return any(policy_of(resource) != "Delete" for resource in resources(text).values())


def _prepared(cloud: Cloud, show: Show) -> Stack | None:
    """The stack as it can be changed, None if there is none: what was begun is waited for, and a first creation that
    was taken back is cleared away."""
    stack = cloud.owned()
    if stack is not None and not stack.at_rest:
        stack = follow(cloud, stack.id, show)
        if stack.status not in (*SUCCEEDED, GONE):
            raise failed(cloud, stack)
    if stack is None or stack.status == GONE:
        return None
    if stack.status == "ROLLBACK_COMPLETE":
        _clear(cloud, stack, show)
        return None
    if stack.status not in (*COMPLETE, REVIEWED):
        raise stuck(cloud, stack)
    return stack


def _clear(cloud: Cloud, stack: Stack, show: Show) -> None:
    left = [one for one in cloud.resources(stack) if one["ResourceStatus"] != GONE and one.get("PhysicalResourceId")]
    if left:  # its stack is the only trace of it
        names = ", ".join(f"{one['LogicalResourceId']} ({one['PhysicalResourceId']})" for one in left)
        what = f"its first creation was taken back, but {names} is left"
        remedy = f"look whether anybody needs it, then: seatrial arch delete {cloud.deployment.name}"
        raise UserError(Problem(what, cloud.place, remedy))
    remove(cloud, stack, show)


def _unchanged(cloud: Cloud) -> Event:
    name = cloud.deployment.name
    return Event(at=datetime.now(UTC), deployment=name, logical_id=cloud.deployment.stack, type=STACK, status=UNCHANGED)
