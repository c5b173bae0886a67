"""What HyperPod would refuse, most of it only after minutes, and what could not work."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from seatrial.architectures._architecture import Facts
from seatrial.architectures._hyperpod import rules
from seatrial.architectures.hyperpod_eks import Params, kind
from seatrial.architectures.storage.steps import lustre_sizes
from seatrial.errors import Problem
from seatrial.image import mutable

VERSION = re.compile(r"v[0-9]+\.[0-9]+\.[0-9]+-eksbuild\.[0-9]+")
OPERATOR = "amazon-sagemaker-hyperpod-training-operator"


def check(params: Params, facts: Facts) -> Iterable[Problem]:
    """All that is wrong."""
    if params.groups or not params.restricted:
        yield from rules.check(params.groups, params.region, "groups")
    yield from _restricted(params)
    yield from rules.bucket(facts)
    yield from _eks(facts)
    yield from _jobs(params)
    for where in ("image", "agent"):
        image: str | None = getattr(params, where)
        if image and (reason := mutable(image)):
            what = f"{image} {reason}: it may be another image tomorrow"
            yield Problem(what, where, "name it by a tag that nobody moves, or by its digest")


def _restricted(params: Params) -> Iterable[Problem]:
    if not params.restricted:
        return
    yield from rules.check(params.restricted, params.region, "restricted")
    names = Counter(group.name for group in params.groups) & Counter(group.name for group in params.restricted)
    for name in names:
        yield Problem(f"a group of groups is called {name} as well", "restricted", "give each a name of its own")
    for place, group in enumerate(params.restricted):
        where = f"restricted[{place}]"
        if group.custom_ami:
            yield Problem("restricted groups have AWS's own AMI", f"{where}.custom_ami", "leave it out")
        sizes = lustre_sizes(group.lustre_gib, group.lustre_throughput, False)
        if group.lustre_gib not in sizes:
            what = f"FSx makes no file system of {group.lustre_gib} GiB"
            yield Problem(what, f"{where}.lustre_gib", f"set it to {' or '.join(map(str, sizes))}")


def _eks(facts: Facts) -> Iterable[Problem]:
    """What it is and where. Its version and groups are for the rules of eks to judge."""
    cluster = facts.needs["cluster"]
    if not cluster.params.hyperpod:
        what = f"{cluster.name} has nothing of what HyperPod wants to find in the cluster"
        yield Problem(what, "cluster", f"set hyperpod of {cluster.name} to true, and its groups to []")
    for where in ("network", "storage"):
        mine, theirs = facts.needs.get(where), cluster.needs.get(where)
        if mine is not None and (theirs is None or mine.name != theirs.name):
            what = f"is {mine.name}, but that of {cluster.name} is {theirs.name if theirs else None}"
            yield Problem(what, where, f"name the same in both: {cluster.name} has what reaches it")


def _jobs(params: Params) -> Iterable[Problem]:
    """What brings the kinds of jobs, and what counts them."""
    version = params.training_operator
    if version is not None and not VERSION.fullmatch(version):
        remedy = f"ask: aws eks describe-addon-versions --addon-name {OPERATOR}"
        yield Problem(f"{version} is no version of an add-on of EKS", "training_operator", remedy)
    if kind(params) == "hyperpodpytorchjob":
        if version is None:
            remedy = f"set training_operator, or choose another kind; {OPERATOR} is the add-on"
            yield Problem("hyperpodpytorchjob is a kind of HyperPod's training operator", "kind", remedy)
        if not params.task_governance:
            what = "the Kueue that is installed alone does not know hyperpodpytorchjob"
            yield Problem(what, "task_governance", "set it to true, or choose another kind")
    if params.repair != "none" and params.agent is None:
        what = f"is {params.repair}, but without an agent nothing quarantines a node"
        yield Problem(what, "repair", "set agent to an image with Seatrial, or leave repair out")
