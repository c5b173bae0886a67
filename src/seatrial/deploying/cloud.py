"""CloudFormation, as a deployment's parameters say: calls, pages, pauses, and the deployment's stack in it."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from seatrial import aws
from seatrial.architectures import Deployment
from seatrial.errors import Problem, UserError

STACK = "AWS::CloudFormation::Stack"
REVIEWED = "REVIEW_IN_PROGRESS"
"""Status of a stack that has a change set and nothing else."""
COMPLETE = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE",
            "IMPORT_ROLLBACK_COMPLETE")  # fmt: skip
"""Statuses of a stack that can be changed."""
SUCCEEDED = ("CREATE_COMPLETE", "UPDATE_COMPLETE")
"""Those whose last change is done as it was wanted."""
GONE = "DELETE_COMPLETE"
PROPOSED = "seatrial-"
"""What the names of our change sets begin with."""
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 5.0
"""Seconds between two looks; CloudFormation throttles whoever asks more often."""

Wait = Callable[[float], None]
"""Lets seconds pass: time.sleep, or what stands in for it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Stack:
    """A stack as CloudFormation describes it."""

    id: str
    status: str
    reason: str
    deployment: str | None
    """The deployment that its tag names; None: it is not ours."""
    outputs: Mapping[str, str]
    exports: tuple[str, ...]
    """Names by which other stacks import its outputs."""
    protected: bool
    """Whether it is protected from deletion."""
    changed: datetime

    @property
    def at_rest(self) -> bool:
        """Whether nothing happens to it at the moment."""
        return self.status == REVIEWED or not self.status.endswith("_IN_PROGRESS")


@dataclass(frozen=True, slots=True)
class Cloud:
    """CloudFormation for one deployment."""

    deployment: Deployment
    wait: Wait

    @property
    def place(self) -> str:
        """Place of the deployment, for problems."""
        return f"architectures.{self.deployment.name}"

    def client(self, service: str = "cloudformation") -> Any:
        """A client of the deployment's region and profile."""
        return aws.client(self._access(), service)

    def ask(self, operation: str, *, service: str = "cloudformation", **what: Any) -> dict[str, Any]:
        """The answer to one call. Raises UserError."""
        client = self.client(service)
        with aws.calls(self._access()):
            return dict(getattr(client, operation)(**what))

    def pages(self, operation: str, key: str, **what: Any) -> Iterator[dict[str, Any]]:
        """What one call lists under `key`, over all of its pages, each asked for when it is needed."""
        token: dict[str, str] = {}
        while True:
            answer = self.ask(operation, **what, **token)
            yield from answer.get(key, ())
            if not answer.get("NextToken"):
                return
            token = {"NextToken": answer["NextToken"]}

    def looks(self) -> Iterator[None]:
        """One look after another, with pauses that grow."""
        pause = FIRST_PAUSE
        while True:
            yield
            self.wait(pause)
            pause = min(pause * 1.25, LONGEST_PAUSE)

    def command(self, operation: str, *more: str) -> str:
        """The command of AWS's own that does `operation` with the stack."""
        params, name = self.deployment.params, self.deployment.stack
        argv = ["aws", "cloudformation", operation, "--stack-name", name, *more, "--region", params.region]
        return shlex.join([*argv, *(["--profile", params.profile] if params.profile else [])])

    def find(self, stack_id: str | None = None) -> Stack | None:
        """The stack of that id, else of the deployment's name, whosever it is. None: there is none."""
        try:
            (found,) = self.ask("describe_stacks", StackName=stack_id or self.deployment.stack)["Stacks"]
        except UserError as error:
            if "does not exist" in said(error):
                return None
            raise
        return _stack(found)

    def owned(self) -> Stack | None:
        """The deployment's stack. Raises UserError where the name is taken by another's."""
        found = self.find()
        if found is None or self.owns(found):
            return found
        holder = f"of the deployment {found.deployment}" if found.deployment else "not one of Seatrial's"
        what = f"the name is taken: the stack {self.deployment.stack} is there, and is {holder}"
        remedy = f"give the deployment another name; or, if nobody needs that stack: {self.command('delete-stack')}"
        raise UserError(Problem(what, self.place, remedy))

    def owns(self, stack: Stack) -> bool:
        """Whether a stack of the name is this deployment's. An empty one has no tags yet: its change sets say it."""
        if stack.status != REVIEWED:
            return stack.deployment == self.deployment.name
        return all(one["ChangeSetName"].startswith(PROPOSED) for one in self.change_sets(stack))

    def change_sets(self, stack: Stack) -> Iterator[dict[str, Any]]:
        """All change sets of the stack."""
        return self.pages("list_change_sets", "Summaries", StackName=stack.id)

    def resources(self, stack: Stack) -> Iterator[dict[str, Any]]:
        """What the stack consists of, as CloudFormation lists it."""
        return self.pages("list_stack_resources", "StackResourceSummaries", StackName=stack.id)

    def _access(self) -> aws.Access:
        params = self.deployment.params
        return aws.Access(
            profile=params.profile,
            region=params.region,
            where=self.place,
            settings=self.place,
            look=self.command("describe-stack-events"),
        )


def said(error: UserError) -> str:
    """AWS's own words for a refusal."""
    answer: Mapping[str, Any] = getattr(error.__cause__, "response", {})
    return str(answer.get("Error", {}).get("Message", ""))


def _stack(found: Mapping[str, Any]) -> Stack:
    from seatrial.architectures._cloudformation import TAG

    return Stack(
        id=found["StackId"],
        status=found["StackStatus"],
        reason=found.get("StackStatusReason") or "",
        deployment={tag["Key"]: tag["Value"] for tag in found.get("Tags", ())}.get(TAG),
        outputs={output["OutputKey"]: output["OutputValue"] for output in found.get("Outputs", ())},
        exports=tuple(output["ExportName"] for output in found.get("Outputs", ()) if output.get("ExportName")),
        protected=bool(found.get("EnableTerminationProtection")),
        changed=found.get("LastUpdatedTime") or found["CreationTime"],
    )
