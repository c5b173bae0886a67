"""What ParallelCluster would refuse, most of it only after minutes, and what could not work."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from seatrial.architectures._architecture import Facts
from seatrial.architectures._instances import account, ami, capacity, instance
from seatrial.architectures.parallelcluster import Params, Queue
from seatrial.errors import Problem, unknown
from seatrial.hardware import instances
from seatrial.versions import PARALLELCLUSTER

MOST_QUEUES = 50
NAME = re.compile(r"[a-z][a-z0-9-]{0,24}")

TAKEN = frozenset({
    "epilog", "grestypes", "launchparameters", "prolog", "reconfigflags", "resumefailprogram", "resumeprogram",
    "resumetimeout", "slurmctldhost", "slurmctldlogfile", "slurmctldparameters", "slurmdlogfile", "slurmuser",
    "suspendexcnodes", "suspendprogram", "suspendtime", "taskplugin", "treewidth",
})  # fmt: skip
"""Settings of slurm.conf that ParallelCluster 3.16 makes itself, in lowercase: SLURM_SETTINGS_DENY_LIST of its
pcluster/validators/slurm_settings_validator.py."""
TAKEN_WITH_ACCOUNTING = TAKEN | {
    "accountingstoragetype",
    "accountingstoragehost",
    "accountingstorageport",
    "accountingstorageuser",
    "jobacctgathertype",
}


def check(params: Params, facts: Facts) -> Iterable[Problem]:
    """All that is wrong."""
    if params.region not in PARALLELCLUSTER.regions:
        what = f"ParallelCluster {PARALLELCLUSTER.version} is not offered in {params.region}"
        yield Problem(what, "region", f"choose from: {', '.join(PARALLELCLUSTER.regions)}")
    yield from _system(params)
    yield from _head(params)
    yield from _queues(params)
    yield from _scripts(params)
    yield from _slurm(params)
    yield from _way_out(facts)


def _system(params: Params) -> Iterable[Problem]:
    if params.os not in PARALLELCLUSTER.systems:
        yield unknown("operating system", params.os, PARALLELCLUSTER.systems, "os")
    elif params.os in PARALLELCLUSTER.without_ami and params.custom_ami is None:
        what = f"ParallelCluster publishes no AMI of {params.os}, and custom_ami names none"
        yield Problem(what, "os", "make one with pcluster build-image and name it as custom_ami, or choose another os")
    yield from ami(params.custom_ami, "custom_ami")


def _head(params: Params) -> Iterable[Problem]:
    """The head node, and the login nodes: they run the same AMI, so of the same architecture."""
    head = instance(params.head_instance_type)
    login = instance(params.login_instance_type)
    if isinstance(head, Problem):
        yield Problem(head.what, "head_instance_type", head.remedy)
        return
    if isinstance(login, Problem):
        yield Problem(login.what, "login_instance_type", login.remedy)
    elif params.login_nodes and login.architecture != head.architecture:
        yield _differ(params.login_instance_type, login.architecture, "login_instance_type", params, head.architecture)
    nodes = sum(queue.at_most for queue in params.queues)
    # ParallelCluster's own rule, HeadNodeMemorySizeValidator.
    needed = min(nodes / 25 + 0.6, 16)
    if head.memory_mib / 1024 < needed:
        what = f"{head.name} has {head.memory_mib // 1024} GiB, but {nodes} nodes (queues) need {needed:.0f} GiB"
        yield Problem(what, "head_instance_type", "choose a larger one, or fewer nodes")


def _differ(name: str, architecture: str, where: str, params: Params, heads: str) -> Problem:
    what = f"{name} is {architecture}, but head_instance_type {params.head_instance_type} is {heads}"
    return Problem(what, where, "choose types of one architecture: all nodes run one operating system")


def _queues(params: Params) -> Iterable[Problem]:
    number = len(params.queues)
    if not 1 <= number <= MOST_QUEUES:
        yield Problem(f"{number} queues, but a cluster has 1 to {MOST_QUEUES}", "queues", "give each a name and a type")
    for name, count in Counter(queue.name for queue in params.queues).items():
        if count > 1:
            yield Problem(f"{count} queues are called {name}", "queues", "give each a name of its own")
    for place, queue in enumerate(params.queues):
        for problem in (*_queue(queue, params), *_capacity(queue, params)):
            yield Problem(problem.what, f"queues[{place}].{problem.where}", problem.remedy)


def _queue(queue: Queue, params: Params) -> Iterable[Problem]:
    if not NAME.fullmatch(queue.name):
        remedy = "a small letter, then small letters, digits and hyphens, 25 at most together"
        yield Problem(f"{queue.name!r} cannot name a queue{account(queue.name)}", "name", remedy)
    elif queue.name == "default":
        yield Problem("ParallelCluster forbids the name default", "name", "choose another")
    found, head = instance(queue.instance_type), instance(params.head_instance_type)
    if isinstance(found, Problem):
        yield Problem(found.what, "instance_type", found.remedy)
    elif isinstance(head, instances.Instance) and found.architecture != head.architecture:
        yield _differ(queue.instance_type, found.architecture, "instance_type", params, head.architecture)
    if queue.at_most < queue.at_least:
        what = f"at_most {queue.at_most} is less than at_least {queue.at_least}"
        yield Problem(what, "at_most", "raise at_most, or lower at_least")
    yield from ami(queue.custom_ami, "custom_ami")


def _capacity(queue: Queue, params: Params) -> Iterable[Problem]:
    yield from capacity(queue, params.region)
    if queue.capacity == "capacity-block" and not 0 < queue.at_least == queue.at_most:
        what = f"nodes of a Capacity Block always run, but at_least is {queue.at_least} and at_most {queue.at_most}"
        yield Problem(what, "at_least", f"set it to {queue.at_most}, as at_most")


def _scripts(params: Params) -> Iterable[Problem]:
    """What nodes run when they start lies in the bucket."""
    wanting = [name for name in ("containers", "directory") if getattr(params, name)]
    if wanting and params.bucket is None:
        what = f"is None, but {' and '.join(wanting)} need it: nodes take from it what they run when they start"
        yield Problem(what, "bucket", f"name a deployment of s3, or leave out {' and '.join(wanting)}")
    if params.container_image and not params.containers:
        what = f"container_image is {params.container_image}, but containers is false"
        yield Problem(what, "container_image", "leave it out, or set containers to true")


def _slurm(params: Params) -> Iterable[Problem]:
    taken = TAKEN_WITH_ACCOUNTING if params.accounting else TAKEN
    for name in params.slurm:
        if name.lower() in taken:
            what = f"{name} is set by ParallelCluster itself" + ("" if name.lower() in TAKEN else ", with accounting")
            yield Problem(what, f"slurm.{name}", "leave it out")


def _way_out(facts: Facts) -> Iterable[Problem]:
    """ParallelCluster keeps the names of nodes in Route 53, which has no endpoint in a VPC."""
    network = facts.needs["network"]
    if network.params.nat == "none" and network.params.vpc_id is None:
        what = f"nodes must reach AWS's services, but nat of {network.name} is none"
        yield Problem(what, "network", f"set nat of {network.name} to one, or name another network")
