"""How many pods of a job run one container, and which of them start training programs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from seatrial.lint import shell
from seatrial.lint.allocation import number
from seatrial.lint.documents import Document
from seatrial.lint.launch import LIKE_TORCHRUN, Launch, launches
from seatrial.lint.manifest import Container, Map, containers, integer
from seatrial.lint.once import once


@dataclass(frozen=True, slots=True)
class Group:
    """Pods of one kind in a job."""

    name: str
    pods: int | None
    """Of this kind, at one time; None: not known."""
    slice: int | None
    """Of this kind in one of the equal parts of a JobSet, or of the subgroups of a LeaderWorkerSet."""
    containers: tuple[Container, ...]

    def launches(self) -> list[tuple[Container, Launch]]:
        """The training programs that they start."""
        found = [(container, container.script) for container in self.containers]
        return [(container, launch) for container, script in found if script for launch in launches([script])]


def kind(document: Document) -> str:
    """The kind of a manifest, as it is written; of Volcano's jobs ``VolcanoJob``."""
    manifest = document.manifest or Map()
    found = str(manifest.get("kind", ""))
    return "VolcanoJob" if found == "Job" and str(manifest.get("apiVersion", "")).startswith("batch.volcano") else found


@once
def groups(document: Document) -> list[Group]:
    """The pods of a job, by kind. Nothing for what is no job of several pods that we know."""
    read = _GROUPS.get(kind(document))
    return list(read((document.manifest or Map()).map("spec"))) if read else []


def _of_kubeflow(spec: Map) -> Iterator[Group]:
    for name, part in spec.map("pytorchReplicaSpecs").items():
        if isinstance(part, Map):
            yield _group(str(name), _count(part, "replicas"), part.map("template"))


def _of_jobset(spec: Map) -> Iterator[Group]:
    for part in spec.items_of("replicatedJobs"):
        job = part.map("template", "spec")
        each, replicas = _parallel(job), _count(part, "replicas")
        pods = each * replicas if each is not None and replicas is not None else None
        yield _group(str(part.get("name")), pods, job, each)


def _of_job(spec: Map) -> Iterator[Group]:
    if spec.get("completionMode") == "Indexed":
        yield _group("pods", _parallel(spec), spec)


def _of_volcano(spec: Map) -> Iterator[Group]:
    for part in spec.items_of("tasks"):
        yield _group(str(part.get("name")), _count(part, "replicas"), part.map("template"))


def _of_trainjob(spec: Map) -> Iterator[Group]:
    trainer = Map(spec.map("trainer"))
    trainer["resources"] = trainer.get("resourcesPerNode")
    pods = _count(trainer, "numNodes") if "numNodes" in trainer else None
    yield Group("nodes", pods, pods, (Container(trainer, Map()),))


def _of_hyperpod(spec: Map) -> Iterator[Group]:
    """aws/sagemaker-hyperpod-cli, hyperpod_pytorch_job_unified_config (2026-11); with an elasticPolicy it may grow:
    https://docs.aws.amazon.com/sagemaker/latest/dg/sagemaker-eks-elastic-training.html
    """
    for part in spec.items_of("replicaSpecs"):
        pods = None if "elasticPolicy" in spec or "maxReplicas" in part else _count(part, "replicas")
        yield _group(str(part.get("name")), pods, part.map("template"))


def _of_leader_and_workers(spec: Map) -> Iterator[Group]:
    """The pods of one replica, which is a job of its own. `size` counts the leader, too, which is one of the workers
    where it has no template: kubernetes-sigs/lws, api/leaderworkerset/v1/leaderworkerset_types.go (024af08).
    """
    template = spec.map("leaderWorkerTemplate")
    workers, part = _count(template, "size"), integer(template.map("subGroupPolicy").get("subGroupSize"))
    if leader := template.map("leaderTemplate"):
        yield _group("leader", 1, leader)
        workers = workers - 1 if workers else None
    yield _group("workers", workers, template.map("workerTemplate"), part)


_GROUPS = {
    "PyTorchJob": _of_kubeflow,
    "JobSet": _of_jobset,
    "Job": _of_job,
    "VolcanoJob": _of_volcano,
    "TrainJob": _of_trainjob,
    "HyperPodPyTorchJob": _of_hyperpod,
    "LeaderWorkerSet": _of_leader_and_workers,
}


def _group(name: str, pods: int | None, template: Map, slice: int | None = None) -> Group:
    return Group(name, pods, pods if slice is None else slice, tuple(containers(template)))


def _count(part: Map, key: str) -> int | None:
    """A number of pods, 1 where none is given."""
    return integer(part[key]) if part.get(key) is not None else 1


def _parallel(job: Map) -> int | None:
    """Pods of a Job at one time."""
    found = [_count(job, key) for key in ("parallelism", "completions") if job.get(key) is not None]
    return 1 if not found else None if None in found else min(count for count in found if count is not None)


@once
def total(document: Document) -> int | None:
    """Pods that start training programs; None if one number is not known."""
    found = [group.pods for group in groups(document) if group.launches()]
    return None if None in found else sum(count for count in found if count is not None)


def processes(document: Document, container: Container, launch: Launch | None) -> tuple[int, int] | None:
    """Line and number of the processes that torchrun starts in a pod: its own option before what an operator sets.

    Without a `launch` it is the runtime of a TrainJob that starts it.
    """
    if launch and launch.program not in LIKE_TORCHRUN:
        return None
    spec = (document.manifest or Map()).map("spec")
    of_hyperpod = kind(document) == "HyperPodPyTorchJob"
    if launch and launch.processes:
        count = number(launch.processes)
        if of_hyperpod and re.fullmatch(r"\$\{?NPROC_PER_NODE\}?", launch.processes.text):  # which its operator sets
            count = integer(spec.get("nprocPerNode"))
        return (launch.processes.line, count) if count else None
    if of_hyperpod:
        return None
    told = [(a.line, integer(a.value)) for a in container.environment if a.name == "PET_NPROC_PER_NODE"]
    told += [(m.line_of(key), integer(m.get(key))) for m, key in _operators(spec) if key in m]
    started = launch is not None or kind(document) == "TrainJob"
    return next(((line, count) for line, count in told if count and started), None)


def _operators(spec: Map) -> list[tuple[Map, str]]:
    return [(spec, "nprocPerNode"), (spec.map("trainer"), "numProcPerNode")]


def entrypoint(document: Document) -> tuple[Launch, ...]:
    """The training programs in the ``entrypoint`` of a RayJob, which runs once, on the head."""
    text = (document.manifest or Map()).map("spec").text("entrypoint") if kind(document) == "RayJob" else None
    return tuple(launches([shell.parse(text, line=text.line)])) if text else ()
