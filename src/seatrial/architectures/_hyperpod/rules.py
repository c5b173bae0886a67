"""What SageMaker would refuse of instance groups, most of it only after minutes, and what could not work."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from seatrial.architectures import _instances
from seatrial.architectures._architecture import Facts
from seatrial.architectures._hyperpod import BUCKET_PREFIX, Group
from seatrial.errors import Problem
from seatrial.hardware.instances import Instance

NAME = re.compile(r"[a-z0-9](-?[a-z0-9])*")
LONGEST = 63
MOST_GROUPS = 100
"""Name and number of groups: CreateCluster in the SageMaker API Reference. It takes capitals as well, but a group names
a cluster of ours and a partition."""

NOT_OFFERED = frozenset({
    "c6in.32xlarge", "g4dn.metal", "hpc6a.48xlarge", "t2.medium", "t2.small", "t3.small", "t3a.large", "t3a.medium",
    "t3a.micro", "t3a.small", "trn1.2xlarge", "trn2u.48xlarge",
})  # fmt: skip
"""Instance types that we know and HyperPod does not: ClusterInstanceType in the SageMaker API Reference, 2026-11."""

PLANNED = frozenset({
    "p4d.24xlarge", "p4de.24xlarge", "p5.4xlarge", "p5.48xlarge", "p5e.48xlarge", "p5en.48xlarge", "p6-b200.48xlarge",
    "p6-b300.48xlarge", "p6e-gb200.36xlarge", "trn1.32xlarge", "trn2.48xlarge",
})  # fmt: skip
"""Instance types of training plans: ReservedCapacitySummary in the SageMaker API Reference, 2026-11."""

PLAN = re.compile(r"arn:aws[a-z-]*:sagemaker:([a-z0-9-]+):[0-9]{12}:training-plan/\S+")
PLAN_SHAPE = "arn:aws:sagemaker:REGION:ACCOUNT:training-plan/NAME"


def check(groups: Sequence[Group], region: str, where: str) -> Iterable[Problem]:
    """What is wrong with the groups that the parameter `where` lists."""
    if not 1 <= len(groups) <= MOST_GROUPS:
        what = f"{len(groups)} groups, but a cluster has 1 to {MOST_GROUPS}"
        yield Problem(what, where, "give each a name, an instance type and a number of nodes")
    for name, count in Counter(group.name for group in groups).items():
        if count > 1:
            yield Problem(f"{count} groups are called {name}", where, "give each a name of its own")
    for place, group in enumerate(groups):
        for problem in _group(group, region):
            yield Problem(problem.what, f"{where}[{place}].{problem.where}", problem.remedy)


def _group(group: Group, region: str) -> Iterable[Problem]:
    if not (NAME.fullmatch(group.name) and len(group.name) <= LONGEST):
        remedy = f"small letters, digits and single hyphens between them, {LONGEST} at most together"
        yield Problem(f"{group.name!r} cannot name a group{_instances.account(group.name)}", "name", remedy)
    yield from instance_type(group.instance_type, "instance_type")
    yield from _features(group)
    yield from _instances.ami(group.custom_ami, "custom_ami")
    if group.training_plan is not None:
        yield from _plan(group, group.training_plan, region)


def instance_type(name: str, where: str) -> Iterable[Problem]:
    """Whether HyperPod has it."""
    found = _instances.instance(name)
    if isinstance(found, Problem):
        yield Problem(found.what, where, found.remedy)
    elif found.name in NOT_OFFERED:
        yield Problem(f"HyperPod has no ml.{found.name}", where, "choose another instance type")


def _features(group: Group) -> Iterable[Problem]:
    found = _instances.instance(group.instance_type)
    if isinstance(found, Problem):
        return
    if group.threads_per_core == 2 and found.architecture == "arm64":
        yield Problem(f"a core of {found.name} runs one thread", "threads_per_core", "set it to 1")
    if group.deep_health_checks and not found.accelerators:
        what = f"{found.name} has no accelerators, which deep health checks are about"
        yield Problem(what, "deep_health_checks", "leave it out")


def _plan(group: Group, arn: str, region: str) -> Iterable[Problem]:
    found = PLAN.fullmatch(arn)
    if found is None:
        what = f"{arn} is not the ARN of a training plan{_instances.account(arn)}"
        yield Problem(what, "training_plan", f"it has the form {PLAN_SHAPE}")
    elif found[1] != region:
        what = f"the training plan is in {found[1]}, but region is {region}"
        yield Problem(what, "training_plan", "name one of the same region")
    elif isinstance(_instances.instance(group.instance_type), Instance) and group.instance_type not in PLANNED:
        what = f"no training plan has {group.instance_type}"
        yield Problem(what, "training_plan", "leave it out, or choose another instance type")


def bucket(facts: Facts) -> Iterable[Problem]:
    """HyperPod takes lifecycle scripts from buckets of a certain name alone. New ones of ours have it."""
    need = facts.needs["bucket"]
    if need.params.bucket and not need.params.bucket.startswith(BUCKET_PREFIX):
        what = f"the name of {need.params.bucket}, which {need.name} names, does not begin with {BUCKET_PREFIX}"
        yield Problem(what, "bucket", f"let {need.name} make a bucket, or name one that is called so")
