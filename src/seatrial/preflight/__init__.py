"""What is looked at before anything is created: whether what a deployment leans on is there, is enough, and fits."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from seatrial import aws
from seatrial.architectures import Deployment
from seatrial.errors import Problem, UserError
from seatrial.findings import Finding, Rule, Verdict
from seatrial.preflight import (
    addresses,
    credentials,
    existing,
    images,
    names,
    offerings,
    permissions,
    placement,
    published,
    quotas,
    reach,
    reservations,
    tools,
    training_plans,
)
from seatrial.preflight.site import Site

__all__ = ["look"]


class _Look(NamedTuple):
    """What asks AWS."""

    rules: tuple[Rule, ...]
    findings: Callable[[Site], Iterable[Finding]]
    concerns: Callable[[Site], bool] = lambda site: True
    """Whether there is something that it is about."""


_LOOKS = (
    _Look((offerings.OFFERED,), offerings.look, lambda site: bool(site.groups)),
    _Look((reservations.RESERVATION, reservations.ZONE), reservations.look, reservations.concerns),
    _Look((training_plans.PLAN,), training_plans.look, training_plans.concerns),
    _Look((addresses.ADDRESSES,), addresses.look, addresses.concerns),
    _Look((quotas.VCPUS, quotas.COUNTS), quotas.look),
    _Look((existing.SUBNET, existing.GROUP), existing.look_networks, existing.concerns_networks),
    _Look((existing.FILE_SYSTEM,), existing.look_file_systems, existing.concerns_file_systems),
    _Look((published.PUBLISHED,), published.look, published.concerns),
    _Look((quotas.NODES,), quotas.look_nodes, quotas.concerns_nodes),
    _Look((images.IMAGE,), images.look, images.concerns),
    _Look((names.STACK, names.EXPORT), names.look),
    _Look((names.BUCKET,), names.look_buckets, names.concerns),
    _Look((permissions.PERMISSIONS,), permissions.look),
)


def look(deployment: Deployment) -> list[Finding]:
    """What was found about a deployment, and what it needs, whose parameters have no problems.

    Nothing is changed. Where AWS cannot be asked, all that it would have said is UNKNOWN, with one reason.
    """
    site = Site(deployment)
    found = [*placement.judge(site.groups), *addresses.new(site), *tools.look(site), *reach.look(site)]
    looks = [one for one in _LOOKS if one.concerns(site)]
    try:
        with aws.calls(site.access):
            found += credentials.look(site)
    except UserError as error:
        problem = error.problems[0]
        rules = (credentials.CREDENTIALS, *(rule for one in looks for rule in one.rules))
        return found + [
            _unknown(rule, Problem(f"AWS was not asked: {problem.what}", "", problem.remedy)) for rule in rules
        ]
    return found + [finding for one in looks for finding in _looked(one, site)]


def _looked(one: _Look, site: Site) -> list[Finding]:
    """The findings of a look, or why it was not possible."""
    found: list[Finding] = []
    try:
        with aws.calls(site.access):
            found.extend(one.findings(site))
    except UserError as error:
        found += [_unknown(rule, error.problems[0]) for rule in one.rules]
    return found


def _unknown(rule: Rule, problem: Problem) -> Finding:
    return rule.finding(Verdict.UNKNOWN, problem.what, remedy=problem.remedy)
