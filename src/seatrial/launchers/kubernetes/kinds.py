"""The kinds of objects that a job can become, and what starts its ranks in each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from seatrial.launchers import _ranks
from seatrial.launchers.kubernetes.operators import hyperpodpytorchjob, mpijob
from seatrial.launchers.kubernetes.pod import (
    INDEX,
    NODE,
    RUN_LABEL,
    Work,
    container,
    environment,
    given,
    keys,
    limits,
    metadata,
    program,
    scale,
    template,
    torchrun,
    variable,
)
from seatrial.launchers.kubernetes.writer import Note, Text

MANIFEST = "manifest.yaml"
"""The file of a plan that holds all objects."""

Thing = dict[str, Any]


def _nothing(_: Work) -> list[Thing]:
    return []


@dataclass(frozen=True, kw_only=True, slots=True)
class Kind:
    """A kind of object, and how a job becomes one."""

    api: str
    """Group and version."""
    kind: str
    plural: str
    spec: Callable[[Work], Thing]
    beside: Callable[[Work], list[Thing]] = _nothing
    """Objects that the job itself refers to."""
    operator: str
    """What must be installed in the cluster."""

    @property
    def group(self) -> str:
        """The API's group."""
        return self.api.partition("/")[0]


def objects(work: Work) -> list[Thing]:
    """All objects that a job becomes, the job itself last."""
    kind = KINDS[work.options.kind]
    job = {"apiVersion": kind.api, "kind": kind.kind, "metadata": metadata(work), "spec": kind.spec(work)}
    return [*_files(work), *kind.beside(work), job]


def _files(work: Work) -> list[Thing]:
    """The files that go with the job."""
    if not work.job.ships:
        return []
    texts, named = _ranks.files(work.job), keys(work.job)
    data = {named[path]: Text(text) for path, text in texts.items()}
    meta = _unqueued(work)
    return [{"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "immutable": True, "data": data}]


def _job(work: Work) -> Thing:
    """An Indexed Job, whose pods have names by the service beside it."""
    spec = _indexed(work, f"{work.name}-0.{work.name}", subdomain=work.name)
    return spec | given(ttlSecondsAfterFinished=work.options.ttl_seconds_after_finished)


def _service(work: Work) -> list[Thing]:
    spec = {
        "clusterIP": "None",
        "publishNotReadyAddresses": True,  # the first pod must be found while it still starts
        "selector": {RUN_LABEL: work.name},
        "ports": [{"name": "rendezvous", "port": _ranks.PORT, "protocol": "TCP"}],
    }
    return [{"apiVersion": "v1", "kind": "Service", "metadata": _unqueued(work), "spec": spec}]


def _jobset(work: Work) -> Thing:
    return _jobset_spec(work) | given(ttlSecondsAfterFinished=work.options.ttl_seconds_after_finished)


def _trainjob(work: Work) -> Thing:
    """A TrainJob, whose runtime beside it says all that a TrainJob cannot."""
    reference = {"apiGroup": KINDS["trainjob"].group, "kind": "TrainingRuntime", "name": work.name}
    return {"runtimeRef": reference, "trainer": {"numNodes": work.job.nodes}}


def _runtime(work: Work) -> list[Thing]:
    jobset = _jobset_spec(work)
    # Marks the group of pods that the TrainJob's number of nodes is for.
    mark = {"trainer.kubeflow.org/trainjob-ancestor-step": "trainer"}
    jobset["replicatedJobs"][0]["template"]["metadata"] = {"labels": mark}
    spec = {"mlPolicy": {"numNodes": work.job.nodes, "torch": {}}, "template": {"spec": jobset}}
    api = KINDS["trainjob"].api
    return [{"apiVersion": api, "kind": "TrainingRuntime", "metadata": _unqueued(work), "spec": spec}]


def _pytorchjob(work: Work) -> Thing:
    """The operator sets RANK (here the node's number), MASTER_ADDR and MASTER_PORT."""
    if work.job.launch == "node":
        # Kubernetes cannot refer to RANK in another variable: the operator puts it behind ours.
        command = ["env", "NODE_RANK=$(RANK)", *program(work)]
    else:
        command = torchrun(work, "$(RANK)", "$(MASTER_ADDR)", "$(MASTER_PORT)")
    policy = "OnFailure" if work.restarts else "Never"
    entries = [*environment(work), *scale(work)]
    pod = template(work, container(work, "pytorch", command, entries), restart_policy=policy)
    replicas = {"Master": 1, "Worker": work.job.nodes - 1}
    return {
        "nprocPerNode": str(work.job.processes_per_node),
        "runPolicy": {"cleanPodPolicy": "Running", "backoffLimit": work.restarts, **limits(work)},
        "pytorchReplicaSpecs": {
            role: {"replicas": count, "restartPolicy": policy, "template": pod}
            for role, count in replicas.items()
            if count
        },
    }


def _jobset_spec(work: Work) -> dict[str, Any]:
    master = f"{work.name}-{NODE}-0-0.{work.name}"
    return {
        "network": {"enableDNSHostnames": True, "publishNotReadyAddresses": True, "subdomain": work.name},
        "failurePolicy": {"maxRestarts": work.restarts},
        "replicatedJobs": [{"name": NODE, "replicas": 1, "template": {"spec": _indexed(work, master)}}],
    }


def _indexed(work: Work, master: str, *, subdomain: str | None = None) -> dict[str, Any]:
    """Spec of an Indexed Job with a pod for each node. One that fails ends the job: ranks cannot go on alone."""
    field = {"fieldRef": {"fieldPath": f"metadata.annotations['{INDEX}']"}}
    entries = [
        *environment(work),
        Note({"name": "NODE_RANK", "valueFrom": field}, "this pod's number"),
        variable("MASTER_ADDR", master, "the pod with number 0"),
        variable("MASTER_PORT", str(_ranks.PORT), "of its rendezvous"),
        *scale(work),
    ]
    if work.job.launch == "node":
        command = program(work)
    else:
        command = torchrun(work, "$(NODE_RANK)", "$(MASTER_ADDR)", "$(MASTER_PORT)")
    pod = template(work, container(work, NODE, command, entries))
    pod["spec"] |= given(subdomain=subdomain)
    return {
        "completionMode": "Indexed",
        "completions": work.job.nodes,
        "parallelism": work.job.nodes,
        "backoffLimit": 0,
        **given(activeDeadlineSeconds=work.options.time_limit_seconds),
        "template": pod,
    }


def _unqueued(work: Work) -> dict[str, Any]:
    """Of an object beside the job: only the job itself waits in a queue."""
    meta = metadata(work)
    meta["labels"].pop("kueue.x-k8s.io/queue-name", None)
    return meta


KINDS: dict[str, Kind] = {
    "jobset": Kind(api="jobset.x-k8s.io/v1alpha2", kind="JobSet", plural="jobsets", spec=_jobset, operator="JobSet"),
    "pytorchjob": Kind(
        api="kubeflow.org/v1",
        kind="PyTorchJob",
        plural="pytorchjobs",
        spec=_pytorchjob,
        operator="Kubeflow Training Operator v1",
    ),
    "trainjob": Kind(
        api="trainer.kubeflow.org/v1alpha1",
        kind="TrainJob",
        plural="trainjobs",
        spec=_trainjob,
        beside=_runtime,
        operator="Kubeflow Trainer v2",
    ),
    "mpijob": Kind(
        api="kubeflow.org/v2beta1",
        kind="MPIJob",
        plural="mpijobs",
        spec=mpijob,
        operator="Kubeflow MPI Operator 0.5",
    ),
    "hyperpodpytorchjob": Kind(
        api="sagemaker.amazonaws.com/v1",
        kind="HyperPodPyTorchJob",
        plural="hyperpodpytorchjobs",
        spec=hyperpodpytorchjob,
        operator="SageMaker HyperPod training operator",
    ),
    "job": Kind(api="batch/v1", kind="Job", plural="jobs", spec=_job, beside=_service, operator="nothing"),
}
