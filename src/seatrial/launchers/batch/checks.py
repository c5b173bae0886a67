"""What can be seen of an AWS Batch cluster without starting anything."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from seatrial.aws.quotas import quota_of
from seatrial.cluster import Cluster
from seatrial.errors import UserError, unknown
from seatrial.findings import Finding, Verdict, judged
from seatrial.hardware import instances
from seatrial.launchers._rules import finding
from seatrial.launchers.batch import api
from seatrial.launchers.batch.requests import DEFAULT_LOG_GROUP, efa_interfaces

if TYPE_CHECKING:
    from seatrial.launchers.batch import Options


def queue(batch: Any, cluster: Cluster) -> dict[str, Any]:
    """The job queue. Raises UserError with the nearest names if there is none of that name."""
    options: Options = cluster.options
    found: list[dict[str, Any]] = batch.describe_job_queues(jobQueues=[options.queue])["jobQueues"]
    if not found:
        pages = batch.get_paginator("describe_job_queues").paginate()
        names = [each["jobQueueName"] for page in pages for each in page["jobQueues"]]
        where = f"clusters.{cluster.name}.options.queue"
        raise UserError(unknown(f"job queue in {batch.meta.region_name}", options.queue, names, where))
    return found[0]


def environments(batch: Any, found: dict[str, Any]) -> list[dict[str, Any]]:
    """The compute environments of a job queue, in the order in which it tries them."""
    order = sorted(found["computeEnvironmentOrder"], key=lambda entry: int(entry["order"]))
    names = [entry["computeEnvironment"] for entry in order]
    described = batch.describe_compute_environments(computeEnvironments=names)["computeEnvironments"]
    return sorted(described, key=lambda each: names.index(each["computeEnvironmentArn"]))


def obstacles(batch: Any, cluster: Cluster) -> list[str]:
    """What keeps every job of the queue from starting."""
    found = queue(batch, cluster)
    return [*_ailing("job queue", found), *(o for each in environments(batch, found) for o in unusable(each))]


def unusable(environment: dict[str, Any]) -> Iterator[str]:
    """Why a compute environment takes no multi-node job.

    https://docs.aws.amazon.com/batch/latest/userguide/mnp-ce.html
    """
    name = f"compute environment {environment['computeEnvironmentName']}"
    yield from _ailing("compute environment", environment)
    if environment.get("type") == "UNMANAGED":
        yield f"{name} is unmanaged, multi-node jobs need a managed one"
    if environment.get("containerOrchestrationType", "ECS") != "ECS":
        yield f"{name} runs on EKS: use the kubernetes launcher"
    kind = _resources(environment).get("type", "EC2")
    if kind != "EC2":
        yield f"{name} is of type {kind}, multi-node jobs need on-demand EC2"


def check(cluster: Cluster) -> list[Finding]:
    """Credentials, job queue, compute environments, instance type, capacity, quota, network, logs."""
    identity = _looked("credentials", lambda: _identity(cluster), cluster, Verdict.FAIL)
    if identity[0].verdict is Verdict.FAIL:
        return identity
    site = _Site(cluster)
    looks: dict[str, Callable[[], Iterable[Finding]]] = {
        "compute-environment": site.judge_environments,
        "instance-type": site.judge_instance_type,
        "capacity": site.judge_capacity,
        "quota": site.judge_quota,
        "efa": site.judge_efa,
        "placement-group": site.judge_placement,
        "log-group": site.judge_log_group,
    }
    first = identity + _looked("queue", site.judge_queue, cluster, Verdict.FAIL)
    return first + [finding for name, look in looks.items() for finding in _looked(name, look, cluster)]


def _looked(
    name: str,
    look: Callable[[], Iterable[Finding]],
    cluster: Cluster,
    otherwise: Verdict = Verdict.UNKNOWN,
) -> list[Finding]:
    """The findings of a look, or one that says why it was not possible."""
    try:
        with api.calls(cluster):
            return list(look())
    except UserError as error:
        problem = error.problems[0]
        return [finding(name, otherwise, problem.what, remedy=problem.remedy)]


def _identity(cluster: Cluster) -> Iterator[Finding]:
    arn = api.client(cluster, "sts").get_caller_identity()["Arn"]
    yield finding("credentials", Verdict.PASS, arn)


def _ailing(kind: str, described: dict[str, Any]) -> Iterator[str]:
    name = described.get("jobQueueName") or described.get("computeEnvironmentName")
    if described.get("state") != "ENABLED":
        yield f"{kind} {name} is {described.get('state', 'in an unknown state')}"
    if described.get("status") != "VALID":
        reason = described.get("statusReason")
        yield f"{kind} {name} is {described.get('status', 'of unknown status')}{f': {reason}' if reason else ''}"


@dataclass(frozen=True)
class _Site:
    """What a cluster's account answers, each asked once."""

    cluster: Cluster

    @cached_property
    def batch(self) -> Any:
        return api.client(self.cluster, "batch")

    @cached_property
    def queue(self) -> dict[str, Any]:
        return queue(self.batch, self.cluster)

    @cached_property
    def environments(self) -> list[dict[str, Any]]:
        return environments(self.batch, self.queue)

    @cached_property
    def instance(self) -> instances.Instance:
        return instances.instance(self.cluster.instance_type or "")

    @cached_property
    def templates(self) -> list[dict[str, Any]]:
        """The launch template of each compute environment, empty where there is none."""
        ec2 = api.client(self.cluster, "ec2")
        return [_template(ec2, _resources(each).get("launchTemplate")) for each in self.environments]

    def judge_queue(self) -> Iterator[Finding]:
        wrong = list(_ailing("job queue", self.queue))
        observed = "; ".join(wrong) or f"{self.queue['jobQueueName']} is enabled and valid"
        remedy = f"aws batch describe-job-queues --job-queues {self.queue['jobQueueName']}"
        yield finding("queue", judged(not wrong), observed, "enabled and valid", remedy)

    def judge_environments(self) -> Iterator[Finding]:
        for each in self.environments:
            wrong, name = list(unusable(each)), each["computeEnvironmentName"]
            remedy = f"aws batch describe-compute-environments --compute-environments {name}"
            observed = "; ".join(wrong) or f"{name} takes multi-node jobs"
            yield finding("compute-environment", judged(not wrong), observed, remedy=remedy)

    def judge_instance_type(self) -> Iterator[Finding]:
        offered = sorted({kind for each in self.environments for kind in _resources(each).get("instanceTypes", [])})
        fine = bool({self.instance.name, self.instance.name.partition(".")[0]} & set(offered))
        yield finding("instance-type", judged(fine), ", ".join(offered), self.instance.name)

    def judge_capacity(self) -> Iterator[Finding]:
        needed = self.cluster.nodes * self.instance.vcpus
        most = max((int(_resources(each).get("maxvCpus", 0)) for each in self.environments), default=0)
        expected = f"{needed}: {self.cluster.nodes} x {self.instance.name}"
        yield finding("capacity", judged(most >= needed), f"{most} vCPUs at most", expected)

    def judge_quota(self) -> Iterator[Finding]:
        quota = quota_of(self.instance.name)
        if quota is None:
            yield finding("quota", Verdict.UNKNOWN, f"which quota of EC2 counts {self.instance.name} is not known")
            return
        needed = self.cluster.nodes * self.instance.vcpus
        quotas = api.client(self.cluster, "service-quotas")
        value = quotas.get_service_quota(ServiceCode="ec2", QuotaCode=quota.code)["Quota"]["Value"]
        # A Capacity Block is bought beside it, so that too small a quota need not keep the job from starting.
        verdict = Verdict.PASS if value >= needed else Verdict.WARN
        remedy = f"aws service-quotas request-service-quota-increase --service-code ec2 --quota-code {quota.code} "
        remedy += f"--desired-value {needed}; nodes of a Capacity Block do not count"
        observed, expected = f"{quota.name}: {value:g} vCPUs", f"{needed}: {self.cluster.nodes} x {self.instance.name}"
        yield finding("quota", verdict, observed, expected, remedy)

    def judge_efa(self) -> Iterator[Finding]:
        expected = efa_interfaces(self.cluster.options, self.instance)
        if not (self.cluster.accelerators_per_node and expected):
            return
        for each, template in zip(self.environments, self.templates, strict=True):
            cards = [card.get("InterfaceType") for card in template.get("NetworkInterfaces", [])]
            found, name = sum(card in ("efa", "efa-only") for card in cards), each["computeEnvironmentName"]
            observed = f"the launch template of {name} attaches {found} EFA interfaces"
            # A device that is missing keeps the container from starting; one too many is only not used.
            remedy = f"attach {expected} in the launch template, or set options.efa_interfaces = {found}"
            yield finding("efa", judged(found >= expected), observed, f"{expected}", remedy)

    def judge_placement(self) -> Iterator[Finding]:
        if self.cluster.nodes == 1:
            return
        for each, template in zip(self.environments, self.templates, strict=True):
            group = _resources(each).get("placementGroup") or template.get("Placement", {}).get("GroupName")
            name = each["computeEnvironmentName"]
            observed = f"{name} starts instances in {group or 'no placement group'}"
            yield finding("placement-group", Verdict.PASS if group else Verdict.WARN, observed)

    def judge_log_group(self) -> Iterator[Finding]:
        name = self.cluster.options.log_group
        answer = api.client(self.cluster, "logs").describe_log_groups(logGroupNamePrefix=name)
        there = any(group["logGroupName"] == name for group in answer["logGroups"])
        if not there and name == DEFAULT_LOG_GROUP:
            observed = f"{name} is not there yet: Batch makes it with the first job"
            yield finding("log-group", Verdict.PASS, observed)
        else:
            remedy = f"aws logs create-log-group --log-group-name {name}"
            observed = f"{name} is {'there' if there else 'missing'}"
            yield finding("log-group", judged(there), observed, name, remedy)


def _resources(environment: dict[str, Any]) -> dict[str, Any]:
    """Empty for an unmanaged environment."""
    return dict(environment.get("computeResources", {}))


def _template(ec2: Any, reference: dict[str, str] | None) -> dict[str, Any]:
    if not reference:
        return {}
    names = ("launchTemplateId", "launchTemplateName")
    named = {key[0].upper() + key[1:]: reference[key] for key in names if key in reference}
    versions = [reference.get("version") or "$Default"]
    answer = ec2.describe_launch_template_versions(**named, Versions=versions)["LaunchTemplateVersions"]
    return dict(answer[0]["LaunchTemplateData"]) if answer else {}
