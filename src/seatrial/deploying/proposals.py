"""Change sets: what CloudFormation would do, shown before it is done, and gone again if it is not."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from seatrial.architectures import parsed
from seatrial.deploying.cloud import PROPOSED, REVIEWED, Cloud, Stack
from seatrial.deploying.events import began
from seatrial.deploying.templates import holds_data, resources, submitted, text_in
from seatrial.errors import Problem, UserError

NOTHING = ("didn't contain changes", "No updates are to be performed")
"""How CloudFormation says that there is nothing to change: as a failure."""

Replacement = Literal["True", "False", "Conditional", "unknown"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """What would become of one resource."""

    action: str
    """``Add``, ``Modify`` or ``Remove``: CloudFormation's own word."""
    type: str
    logical_id: str
    replacement: Replacement = "False"
    """Whether a new one would take its place."""
    properties: tuple[str, ...] = ()
    """Those that would change."""
    holds_data: bool = False

    @property
    def endangers(self) -> bool:
        """Whether what holds data would be removed, or another might take its place."""
        return self.holds_data and (self.action == "Remove" or self.replacement != "False")


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """What would become of a deployment's stack."""

    deployment: str
    stack: str
    new: bool
    """Whether there is no such stack yet."""
    anything: bool
    """Whether anything changes: outputs and tags are no rows."""
    rows: tuple[Row, ...] = ()

    @property
    def endangered(self) -> tuple[Row, ...]:
        """The rows by which data may be lost."""
        return tuple(row for row in self.rows if row.endangers)


@dataclass(kw_only=True, slots=True)
class Proposal:
    """A change set that is there."""

    cloud: Cloud
    name: str
    """Also the token of the operation that it becomes."""
    stack_id: str
    change: Change
    executed: bool = False

    def execute(self) -> None:
        """Begin with it. Raises UserError unless it has begun."""
        self.executed = True
        try:
            self.cloud.ask(
                "execute_change_set",
                ChangeSetName=self.name,
                StackName=self.stack_id,
                ClientRequestToken=self.name,
                RetainExceptOnCreate=True,  # what was kept of a creation that is taken back would cost unseen
            )
        except UserError:  # the answer may be lost, and the repetition be refused since it has begun
            if not began(self.cloud, self.stack_id, self.name):
                raise


@contextlib.contextmanager
def proposed(cloud: Cloud, stack: Stack | None, text: str) -> Iterator[Proposal]:
    """A change set to a template, which is deleted again unless it was executed. `stack` is what is there."""
    if stack is not None:
        _sweep(cloud, stack)
    name, proposal = f"{PROPOSED}{uuid.uuid4().hex}", None
    new = stack is None or stack.status == REVIEWED
    try:
        proposal = _propose(cloud, name, None if new else stack, text)
        yield proposal
    finally:
        if proposal is None or not proposal.executed:
            # It is swept away by the next one, if this fails: what is told is what went wrong first.
            with contextlib.suppress(UserError):
                _discard(cloud, name)


def _propose(cloud: Cloud, name: str, stack: Stack | None, text: str) -> Proposal:
    from seatrial.architectures._cloudformation import TAG, needed_capabilities

    deployment = cloud.deployment
    made = cloud.ask(
        "create_change_set",
        StackName=deployment.stack,
        ChangeSetName=name,
        ClientToken=name,  # by which a repeated request is known
        ChangeSetType="UPDATE" if stack else "CREATE",
        Capabilities=needed_capabilities(parsed(text)),
        Tags=[{"Key": TAG, "Value": deployment.name}],
        **submitted(cloud, text),
    )
    before = resources(text_in(cloud, stack)) if stack else {}
    change = Change(
        deployment=deployment.name,
        stack=deployment.stack,
        new=stack is None,
        anything=_ready(cloud, made["Id"], made["StackId"]),
        rows=tuple(_rows(cloud, made["Id"], made["StackId"], before)),
    )
    return Proposal(cloud=cloud, name=name, stack_id=made["StackId"], change=change)


def _ready(cloud: Cloud, change_set: str, stack_id: str) -> bool:
    """Waits for it. Returns whether it would change anything, raises UserError if it cannot be."""
    for _ in cloud.looks():
        found = cloud.ask("describe_change_set", ChangeSetName=change_set, StackName=stack_id)
        if found["Status"] not in ("CREATE_PENDING", "CREATE_IN_PROGRESS"):
            break
    if found["Status"] == "CREATE_COMPLETE":
        return True
    reason = found.get("StatusReason") or found["Status"]
    if any(words in reason for words in NOTHING):
        return False
    needs = [needed.name for needed in cloud.deployment.order()[:-1]]
    remedy = f"try: seatrial arch lint {cloud.deployment.name}"
    if "No export named" in reason and needs:
        remedy = f"deploy what it needs first: {', '.join(f'seatrial arch deploy {name}' for name in needs)}"
    raise UserError(Problem(f"CloudFormation does not take the change: {reason}", cloud.place, remedy))


def _rows(cloud: Cloud, change_set: str, stack_id: str, before: Mapping[str, Any]) -> Iterator[Row]:
    pages = cloud.pages("describe_change_set", "Changes", ChangeSetName=change_set, StackName=stack_id)
    for found in (one["ResourceChange"] for one in pages if "ResourceChange" in one):
        targets = [detail.get("Target", {}) for detail in found.get("Details", ())]
        yield Row(
            action=found["Action"],
            type=found["ResourceType"],
            logical_id=found["LogicalResourceId"],
            replacement=found.get("Replacement") or ("unknown" if found["Action"] == "Modify" else "False"),
            properties=tuple(sorted({target.get("Name") or target.get("Attribute", "") for target in targets})),
            holds_data=found["LogicalResourceId"] in before and holds_data(before[found["LogicalResourceId"]]),
        )


def _sweep(cloud: Cloud, stack: Stack) -> None:
    """Deletes our change sets that nobody executed: whoever made them was interrupted, or is overtaken by this one."""
    for one in cloud.change_sets(stack):
        if one["ChangeSetName"].startswith(PROPOSED) and one.get("ExecutionStatus") != "EXECUTE_IN_PROGRESS":
            cloud.ask("delete_change_set", ChangeSetName=one["ChangeSetName"], StackName=stack.id)


def _discard(cloud: Cloud, name: str) -> None:
    """Deletes the change set, and the stack if it is nothing else."""
    stack = cloud.find()
    if stack is None:
        return
    cloud.ask("delete_change_set", ChangeSetName=name, StackName=stack.id)
    if stack.status == REVIEWED and not any(True for _ in cloud.change_sets(stack)):
        cloud.ask("delete_stack", StackName=stack.id)
