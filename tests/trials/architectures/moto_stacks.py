"""Stacks as CloudFormation documents them, of moto's resources: one resource after the other, with events, rolled back
on failure, deleted against their order, and not while another one imports from them."""

from __future__ import annotations

import json
import re
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from moto.cloudformation import parsing
from moto.core import DEFAULT_ACCOUNT_ID as ACCOUNT

from tests.trials.architectures import moto_types

STACK = "AWS::CloudFormation::Stack"
WELL: dict[str, Any] = {"delay": 0.0, "throttle": 0, "expired": False, "fails": "", "unkept": False}
faults = dict(WELL)
"""What goes wrong, and how long a resource takes: see moto_engine."""


class Names(dict[str, Any]):
    """What a template's functions may name, as moto's parser reads it."""

    def __init__(self, stack: Stack) -> None:
        super().__init__(moto_types.pseudo_parameters(stack.id, stack.name))
        self.stack_id, self.lazy_condition_map = stack.id, dict[str, bool]()

    @property
    def cross_stack_resources(self) -> dict[str, Any]:
        return {name: parsing.Export("", name, value) for name, (_, value) in exports().items()}


@dataclass(kw_only=True)
class Stack:
    name: str
    region: str
    id: str = ""
    status: str = "REVIEW_IN_PROGRESS"
    reason: str | None = None
    text: str = ""
    body: dict[str, Any] = field(default_factory=dict)
    tags: list[dict[str, str]] = field(default_factory=list)
    outputs: dict[str, str] = field(default_factory=dict)
    exports: dict[str, str] = field(default_factory=dict)
    resources: dict[str, dict[str, Any]] = field(default_factory=dict)
    events: list[dict[str, Any]] = field(default_factory=list)
    change_sets: dict[str, dict[str, Any]] = field(default_factory=dict)
    protected: bool = False
    token: str | None = None
    created: datetime = field(default_factory=lambda: datetime.now(UTC))

    def __post_init__(self) -> None:
        self.id = f"arn:aws:cloudformation:{self.region}:{ACCOUNT}:stack/{self.name}/{uuid.uuid4()}"
        self.names = Names(self)

    def event(
        self, logical: str, status: str, reason: str | None = None, kind: str = STACK, physical: str = ""
    ) -> None:
        if logical == self.name:
            self.status, self.reason, physical = status, reason, self.id
        known = {"StackId": self.id, "StackName": self.name, "EventId": str(uuid.uuid4()), "Timestamp": now()}
        told = {"LogicalResourceId": logical, "ResourceType": kind, "ResourceStatus": status}
        more = {"PhysicalResourceId": physical, "ResourceStatusReason": reason, "ClientRequestToken": self.token}
        self.events.append({**known, **told, **{key: value for key, value in more.items() if value}})

    def is_past(self, event: dict[str, Any]) -> bool:
        """Whether it tells of the whole stack, or of what another took the place of."""
        logical, physical = event["LogicalResourceId"], event.get("PhysicalResourceId")
        now = self.resources.get(logical, {}).get("physical", physical)
        return logical == self.name or (physical is not None and physical != now)


STACKS: list[Stack] = []


def now() -> datetime:
    return datetime.now(UTC)


def exports() -> dict[str, tuple[Stack, str]]:
    return {name: (one, value) for one in STACKS for name, value in one.exports.items()}


def importers(export: str) -> list[str]:
    alive = [one for one in STACKS if one.status not in ("DELETE_COMPLETE", "REVIEW_IN_PROGRESS")]
    return [one.name for one in alive if export in found(one.body, "Fn::ImportValue")]


def found(part: Any, key: str) -> list[Any]:
    """Every value under a key, wherever it is in a template."""
    if isinstance(part, dict):
        return [*([part[key]] if key in part else []), *(one for each in part.values() for one in found(each, key))]
    return [one for each in part for one in found(each, key)] if isinstance(part, list) else []


def needed(body: dict[str, Any], logical: str) -> set[str]:
    """What a resource names."""
    one = body["Resources"][logical]
    depends = one.get("DependsOn", [])
    named = {*([depends] if isinstance(depends, str) else depends), *found(one, "Ref")}
    named |= {attribute[0] for attribute in found(one, "Fn::GetAtt")}
    for text in found(one, "Fn::Sub"):
        named |= set(re.findall(r"\${(\w+)", text if isinstance(text, str) else text[0]))
    return {name for name in named if name in body["Resources"]}


def ordered(body: dict[str, Any]) -> list[str]:
    """Logical ids, each behind what it needs."""
    done: list[str] = []
    while left := [name for name in body["Resources"] if name not in done]:
        done += [name for name in left if needed(body, name) <= set(done)][:1] or left  # a circle: moto refuses it
    return done


def step(stack: Stack, logical: str, doing: str, act: Callable[[], Any], kind: str) -> str | None:
    """One resource's way from IN_PROGRESS to COMPLETE or FAILED. Returns why it failed."""
    physical = stack.resources.get(logical, {}).get("physical", "")
    stack.event(logical, f"{doing}_IN_PROGRESS", kind=kind, physical=physical)
    time.sleep(faults["delay"])
    try:
        if logical == faults["fails"] and doing != "DELETE":
            raise ValueError("it shall fail")
        act()
    except Exception as error:  # whatever moto says
        why = getattr(error, "message", None) or f"{type(error).__name__}: {error}"
        stack.event(logical, f"{doing}_FAILED", why, kind, physical)
        return str(why)
    physical = stack.resources.get(logical, {}).get("physical", physical)
    stack.event(logical, f"{doing}_COMPLETE", None, kind, physical)
    return None


def create(stack: Stack, logical: str, definition: dict[str, Any]) -> None:
    definition = json.loads(json.dumps(definition))
    moto_types.clean(definition, stack.names)
    made = parsing.parse_and_create_resource(logical, definition, stack.names, ACCOUNT, stack.region)  # type: ignore[arg-type, var-annotated]
    if made is None or not made.physical_resource_id:
        raise ValueError(f"{definition['Type']} has no physical id")
    if re.fullmatch(r"(vpc|subnet|sg|rtb|igw|nat|vpce|fl)-[0-9a-f]+", made.physical_resource_id):
        tags = [*stack.tags, *(tag for tag in definition.get("Properties", {}).get("Tags", ()))]
        moto_types.api("ec2").create_tags(Resources=[made.physical_resource_id], Tags=tags)
    stack.names[logical] = made
    stack.resources[logical] = {"physical": made.physical_resource_id, "definition": definition, "object": made}


def update(stack: Stack, logical: str, definition: dict[str, Any]) -> None:
    one, changed = stack.resources[logical], json.loads(json.dumps(definition))
    if isinstance(one["object"], moto_types.Resource):
        moto_types.update(one["object"], moto_types.clean(changed, stack.names))
    elif made := parsing.parse_and_update_resource(logical, changed, stack.names, ACCOUNT, stack.region):  # type: ignore[arg-type]
        stack.names[logical] = made
        one |= {"physical": made.physical_resource_id, "object": made}
    one["definition"] = definition


def remove(stack: Stack, logical: str, one: dict[str, Any]) -> None:
    definition = moto_types.clean(one["definition"], stack.names)
    moto_types.delete(one["object"], definition)
    if stack.resources.get(logical) is one:
        del stack.resources[logical]
        stack.names.pop(logical, None)


def begin(work: Callable[[], None]) -> None:
    """At once, or beside what is asked meanwhile."""
    if faults["delay"]:
        threading.Thread(target=work, daemon=True).start()
    else:
        work()


def apply(stack: Stack, change_set: dict[str, Any], retain_except_on_create: bool) -> None:
    """Executes a change set: adds and changes, then what is no longer wanted; or all of it taken back."""
    body, kind = change_set["body"], change_set["type"]
    stack.names.update(body.get("Mappings", {}))
    before, added, old = dict(stack.body), list[str](), list[tuple[str, dict[str, Any]]]()
    stack.tags, changed = change_set["tags"], {row["LogicalResourceId"]: row for row in change_set["rows"]}
    stack.names.update(body.get("Mappings", {}))
    order = ordered(body)
    for logical in [name for name in order if name in changed]:
        definition = body["Resources"][logical]
        if changed[logical]["Action"] == "Add":
            why = step(stack, logical, "CREATE", lambda: create(stack, logical, definition), definition["Type"])  # noqa: B023
            added.append(logical)
        elif changed[logical].get("Replacement") == "True":
            old.append((logical, stack.resources[logical]))
            why = step(stack, logical, "UPDATE", lambda: create(stack, logical, definition), definition["Type"])  # noqa: B023
        else:
            why = step(stack, logical, "UPDATE", lambda: update(stack, logical, definition), definition["Type"])  # noqa: B023
        if why:
            cancel(stack, body, [name for name in order[order.index(logical) + 1 :] if name in changed])
            return take_back(stack, before, logical, added, old, kind, retain_except_on_create)
    stack.body, stack.text = body, change_set["text"]
    if kind == "UPDATE":
        stack.event(stack.name, "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")
        gone = [row for row in stack.resources if row not in body["Resources"]]
        old += [(row, stack.resources[row]) for row in reversed(ordered(before)) if row in gone]
    for logical, one in old:
        policy = "UpdateReplacePolicy" if logical in body["Resources"] else "DeletionPolicy"
        discard(stack, logical, one, policy)
    publish(stack)
    stack.event(stack.name, f"{kind}_COMPLETE")
    return None


def cancel(stack: Stack, body: dict[str, Any], left: list[str]) -> None:
    """What CloudFormation had begun beside the one that failed."""
    for logical in [name for name in left if needed(body, name) <= set(stack.resources)]:
        if logical not in stack.resources:
            kind = body["Resources"][logical]["Type"]
            stack.event(logical, "CREATE_FAILED", "Resource creation cancelled", kind)


def take_back(
    stack: Stack,
    before: dict[str, Any],
    failed: str,
    added: list[str],
    old: list[tuple[str, dict[str, Any]]],
    kind: str,
    delete_all: bool,
) -> None:
    what = "create" if kind == "CREATE" else "update"
    doing = "ROLLBACK" if kind == "CREATE" else "UPDATE_ROLLBACK"
    reason = f"The following resource(s) failed to {what}: [{failed}]. "
    stack.event(stack.name, f"{doing}_IN_PROGRESS", reason)
    for logical, one in old:
        if stack.resources.get(logical) is not one:
            stack.resources[logical], stack.names[logical] = one, one["object"]
    for logical in reversed(added):
        if logical in stack.resources:
            discard(stack, logical, stack.resources[logical], "" if delete_all else "DeletionPolicy")
    for logical, definition in before.get("Resources", {}).items():
        if stack.resources[logical]["definition"] != definition:
            step(stack, logical, "UPDATE", lambda: update(stack, logical, definition), definition["Type"])  # noqa: B023
    stack.event(stack.name, f"{doing}_COMPLETE")


def discard(stack: Stack, logical: str, one: dict[str, Any], policy: str) -> str | None:
    """Deletes a resource unless its policy keeps it. Returns why it failed."""
    kind = one["definition"]["Type"]
    if one["definition"].get(policy) in ("Retain", "RetainExceptOnCreate") and not faults["unkept"]:
        stack.event(logical, "DELETE_SKIPPED", None, kind, one["physical"])
        one["kept"] = True
        return None
    return step(stack, logical, "DELETE", lambda: remove(stack, logical, one), kind)


def destroy(stack: Stack) -> None:
    if used := [
        f"{name} as it is in use by {' and '.join(importers(name))}" for name in stack.exports if importers(name)
    ]:
        stack.event(stack.name, "DELETE_FAILED", f"Delete canceled. Cannot delete export {used[0]}.")
        return
    order = [name for name in reversed(ordered(stack.body)) if name in stack.resources] if stack.body else []
    failed: list[str] = []
    for name in order:
        blocked = [one for one in failed if name in needed(stack.body, one)]
        if not blocked and discard(stack, name, stack.resources[name], "DeletionPolicy"):
            failed.append(name)
    if failed:
        stack.event(stack.name, "DELETE_FAILED", f"The following resource(s) failed to delete: [{', '.join(failed)}]. ")
        return
    stack.exports, stack.change_sets = {}, {}
    stack.event(stack.name, "DELETE_COMPLETE")


def publish(stack: Stack) -> None:
    outputs = stack.body.get("Outputs", {})
    stack.outputs = {key: str(moto_types.clean(one["Value"], stack.names)) for key, one in outputs.items()}  # type: ignore[arg-type]
    stack.exports = {one["Export"]["Name"]: stack.outputs[key] for key, one in outputs.items() if "Export" in one}
