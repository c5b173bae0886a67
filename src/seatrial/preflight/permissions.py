"""Whether the caller may make what the templates have, as IAM itself simulates it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from seatrial import aws
from seatrial.findings import Finding
from seatrial.preflight.actions import actions, types
from seatrial.preflight.site import FAIL, PASS, UNKNOWN, Site, rule

PERMISSIONS = rule(
    "permissions",
    reads="iam simulate-principal-policy; the templates",
    expected="the caller may make and delete each resource of the templates",
    why="the stack fails at the first resource that the caller may not make, after minutes, and rolls back",
    remedy="ask for an IAM policy that allows what is missing",
    source="https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_testing-policies.html",
    good="all of 62 actions are allowed",
    bad="not allowed: iam:CreateRole, fsx:CreateFileSystem",
)

AT_ONCE = 100
"""Actions of one question; IAM states no limit, and long ones are slow."""


def judge(asked: Iterable[str], decisions: Mapping[str, str], unknown: Iterable[str]) -> Iterator[Finding]:
    """Of IAM's decisions, action -> ``allowed``, ``implicitDeny`` or ``explicitDeny``; `unknown`: types of resources
    whose actions are not known here."""
    asked = list(asked)
    denied = sorted(action for action in asked if decisions.get(action, "allowed") != "allowed")
    silent = sorted(action for action in asked if action not in decisions)
    if denied:
        yield PERMISSIONS.finding(FAIL, f"not allowed: {', '.join(denied)}")
    elif silent:
        yield PERMISSIONS.finding(UNKNOWN, f"IAM decided nothing about {', '.join(silent)}")
    else:
        yield PERMISSIONS.finding(PASS, f"all of {len(asked)} actions are allowed")
    kinds = ", ".join(unknown)
    if kinds:
        yield PERMISSIONS.finding(UNKNOWN, f"what the caller must be allowed for {kinds} is not known here")


def principal(arn: str, iam: Any) -> str | None:
    """The user or role behind a caller, which IAM can simulate; None: it cannot."""
    kind, _, rest = arn.rpartition(":")[2].partition("/")
    if kind == "user":
        return arn
    if kind != "assumed-role":
        return None
    # A session's ARN lacks the role's path, as those of IAM Identity Center have one.
    return str(iam.get_role(RoleName=rest.partition("/")[0])["Role"]["Arn"])


def look(site: Site) -> Iterator[Finding]:
    """What IAM says about the caller."""
    from botocore.exceptions import ClientError

    arn = site.identity["Arn"]
    if arn.endswith(":root"):
        yield PERMISSIONS.finding(PASS, f"{arn} may do everything; an IAM role would be safer")
        return
    wanted, unknown = actions(types(site.templates.values()))
    iam = site.client("iam")
    try:
        source = principal(arn, iam)
        if source is None:
            yield PERMISSIONS.finding(UNKNOWN, f"IAM cannot simulate {arn}")
            return
        decisions = _decisions(iam, source, wanted, site)
    except ClientError as error:
        if not aws.error_code(error).startswith("AccessDenied"):
            raise
        remedy = "ask for iam:SimulatePrincipalPolicy and iam:GetRole, or deploy as you are: nothing is lost by it"
        yield PERMISSIONS.finding(UNKNOWN, f"{arn} may not ask IAM what it may", remedy=remedy)
        return
    yield from judge(wanted, decisions, unknown)


def _decisions(iam: Any, source: str, wanted: Iterable[str], site: Site) -> dict[str, str]:
    """Action -> decision, for the resources that have names of ours where policies may name them."""
    partition, account = source.split(":")[1], site.identity["Account"]
    stack, region = site.deployment.stack, site.deployment.params.region
    resources = {
        "cloudformation": f"arn:{partition}:cloudformation:{region}:{account}:stack/{stack}/x",
        "iam": f"arn:{partition}:iam::{account}:role/{stack}-x",
        "s3": f"arn:{partition}:s3:::{stack}-x",
    }
    services: dict[str, list[str]] = defaultdict(list)
    for action in wanted:
        services[resources.get(action.partition(":")[0], "*")].append(action)
    found: dict[str, str] = {}
    for resource, names in services.items():
        for first in range(0, len(names), AT_ONCE):
            pages = iam.get_paginator("simulate_principal_policy").paginate(
                PolicySourceArn=source, ActionNames=names[first : first + AT_ONCE], ResourceArns=[resource]
            )
            found |= {one["EvalActionName"]: one["EvalDecision"] for page in pages for one in page["EvaluationResults"]}
    return found
