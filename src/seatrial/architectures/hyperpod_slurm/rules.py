"""What HyperPod would refuse, most of it only after minutes, and what could not work."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from seatrial.architectures._architecture import Facts
from seatrial.architectures._hyperpod import rules
from seatrial.architectures._instances import instance
from seatrial.architectures.hyperpod_slurm import CONTROLLER, LOGIN, USER, Params, groups
from seatrial.errors import Problem
from seatrial.hardware import instances

TAKEN_NAMES = {
    CONTROLLER: "the group of the controller",
    LOGIN: "the group of the login nodes",
    "dev": "HyperPod's partition of all nodes",
    "default": "what Slurm calls settings of all partitions",
}
"""What a group of workers cannot be called -> what is called so already."""

TAKEN = frozenset({
    "accountingstoragehost", "accountingstorageport", "accountingstoragetres", "accountingstoragetype",
    "accountingstorageuser", "clustername", "controlmachine", "epilog", "grestypes", "healthcheckinterval",
    "healthchecknodestate", "healthcheckprogram", "jobacctgathertype", "nodename", "partitionname", "plugindir",
    "prolog", "prologflags", "schedulerparameters", "slurmctldhost", "slurmctldport", "slurmdport", "slurmuser",
    "topologyplugin",
})  # fmt: skip
"""Settings of slurm.conf that HyperPod or its lifecycle scripts make themselves, in lowercase."""


def check(params: Params, facts: Facts) -> Iterable[Problem]:
    """All that is wrong."""
    yield from rules.check(params.workers, params.region, "workers")
    yield from _names(params)
    yield from _types(params)
    yield from _jobs(params)
    yield from _users(params)
    yield from _package(params)
    yield from _slurm(params)
    yield from rules.bucket(facts)
    yield from _way_out(facts)


def _names(params: Params) -> Iterable[Problem]:
    for place, group in enumerate(params.workers):
        if group.name in TAKEN_NAMES:
            what = f"{group.name} is {TAKEN_NAMES[group.name]}"
            yield Problem(what, f"workers[{place}].name", "give the group another name")
    if len(groups(params)) > rules.MOST_GROUPS >= len(params.workers):
        what = f"{len(groups(params))} groups with controller and login nodes, but a cluster has {rules.MOST_GROUPS}"
        yield Problem(what, "workers", "leave groups out")


def _types(params: Params) -> Iterable[Problem]:
    """Controller and login nodes; and what processors all nodes have."""
    kinds = {"controller_instance_type": params.controller_instance_type}
    kinds |= {"login_instance_type": params.login_instance_type} if params.login_nodes else {}
    for where, kind in kinds.items():
        yield from rules.instance_type(kind, where)
    kinds |= {f"workers[{place}].instance_type": one.instance_type for place, one in enumerate(params.workers)}
    for where, kind in kinds.items():
        found = instance(kind)
        if isinstance(found, instances.Instance) and found.architecture != "x86_64":
            what = f"{found.name} is {found.architecture}, and what nodes install is for x86_64"
            yield Problem(what, where, "choose another instance type")


def _jobs(params: Params) -> Iterable[Problem]:
    if params.container_image and not params.containers:
        what = f"container_image is {params.container_image}, but containers is false"
        yield Problem(what, "container_image", "leave it out, or set containers to true")
    if params.container_packages and not params.containers:
        yield Problem("containers is false", "container_packages", "leave them out, or set containers to true")


def _users(params: Params) -> Iterable[Problem]:
    for kind, values in (("name", [user.name for user in params.users]), ("uid", [user.uid for user in params.users])):
        for value, count in Counter(values).items():
            if count > 1:
                yield Problem(f"{count} users have the {kind} {value}", "users", f"give each a {kind} of its own")
    for place, user in enumerate(params.users):
        if user.name in (USER, "root", "slurm", "munge"):
            what = f"{user.name} is a user of HyperPod's AMI"
            remedy = "add keys to ssh_keys" if user.name == USER else "choose another name"
            yield Problem(what, f"users[{place}].name", remedy)


def _package(params: Params) -> Iterable[Problem]:
    wanting = [name for name in ("health_checks", "observability") if getattr(params, name)]
    if wanting and params.package is None:
        what = f"is None, but {' and '.join(wanting)} need it: Seatrial runs on the nodes"
        yield Problem(
            what, "package", f'set it, to "seatrial==VERSION" or a wheel, or leave out {" and ".join(wanting)}'
        )


def _slurm(params: Params) -> Iterable[Problem]:
    for name, value in params.slurm.items():
        if name.lower() in TAKEN:
            yield Problem(f"{name} is set by HyperPod, or by what its nodes run", f"slurm.{name}", "leave it out")
        elif not name.isalnum() or "\n" in value:
            what = f"{name}={value!r} is no line of slurm.conf"
            yield Problem(what, f"slurm.{name}", "write a name of letters, and a value in one line")


def _way_out(facts: Facts) -> Iterable[Problem]:
    """Nodes install packages of Ubuntu and of NVIDIA, which have no endpoint in a VPC."""
    network = facts.needs["network"]
    if network.params.nat == "none" and network.params.vpc_id is None:
        what = f"nodes install packages when they are made, but nat of {network.name} is none"
        yield Problem(what, "network", f"set nat of {network.name} to one, or name another network")
