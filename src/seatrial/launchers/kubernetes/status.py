"""Where a job stands, by its object and its pods. Pure: works on what the API answered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from seatrial.launchers.kubernetes.pod import INDEX, RUN_LABEL
from seatrial.standing import Phase, Standing

Thing = dict[str, Any]

_DONE = ("Complete", "Completed", "Succeeded")
"""Conditions of a job that ended well: Job and TrainJob, JobSet, the Kubeflow operators'."""
_STARTING = ("ContainerCreating", "PodInitializing")
"""What every container waits for in the beginning: it says nothing."""


def name_of(thing: Thing) -> str:
    """The engine's name of the run that an object belongs to."""
    return str(thing["metadata"].get("labels", {}).get(RUN_LABEL, ""))


def node_of(pod: Thing) -> int:
    """The number of a pod's node in its job; of an MPIJob the launcher is 0, its workers follow."""
    labels = pod["metadata"].get("labels", {})
    index = pod["metadata"].get("annotations", {}).get(INDEX) or labels.get(INDEX)
    if index is not None:
        return int(index)
    role = labels.get("training.kubeflow.org/replica-type") or labels.get("training.kubeflow.org/job-role")
    number = labels.get("training.kubeflow.org/replica-index", labels.get("apps.kubernetes.io/pod-index"))
    if number is None:
        number = pod["metadata"]["name"].rpartition("-")[2]
    first = 0 if role in (None, "master", "launcher") else 1
    return first + int(number) if number.isdigit() else 0


def true_condition(thing: Thing, *types: str) -> Thing | None:
    """The first of these conditions that an object has."""
    for condition in thing.get("status", {}).get("conditions") or []:
        if condition["type"] in types and condition["status"] == "True":
            found: Thing = condition
            return found
    return None


def is_over(job: Thing) -> bool:
    """Whether a job has ended, or is on its way out."""
    return true_condition(job, *_DONE, "Failed") is not None or "deletionTimestamp" in job["metadata"]


def is_suspended(job: Thing) -> bool:
    """Whether somebody holds a job back; in general a queue."""
    spec = job["spec"]
    return bool(spec.get("suspend") or spec.get("runPolicy", {}).get("suspend"))


def standing(job: Thing, pods: Sequence[Thing]) -> Standing:
    """Where a job stands; a QUEUED one without detail has pods that say nothing, or none."""
    failed = true_condition(job, "Failed")
    if failed is not None:
        return Standing(phase=Phase.ENDED, detail=_why_failed(failed, pods), failed=True)
    if true_condition(job, *_DONE) is not None:
        return Standing(phase=Phase.ENDED, detail="succeeded")
    if "deletionTimestamp" in job["metadata"]:
        return Standing(phase=Phase.RUNNING if pods else Phase.GONE, detail="being deleted")
    waiting = [pod for pod in pods if pod["status"].get("phase") == "Pending"]
    running = [pod for pod in pods if pod["status"].get("phase") == "Running"]
    stuck = [why for pod in sorted(pods, key=node_of) if (why := why_not_running(pod))]
    if running and not waiting and not stuck:
        return Standing(phase=Phase.RUNNING, detail=f"{len(running)} of {len(pods)} pods run")
    return Standing(phase=Phase.QUEUED, detail=stuck[0] if stuck else "")


def why_not_running(pod: Thing) -> str:
    """What keeps a pod from running, in Kubernetes' words; nothing if it only starts, or runs."""
    status, name = pod["status"], pod["metadata"]["name"]
    for container in [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]:
        state = container.get("state", {}).get("waiting")
        if state and state.get("reason") not in (None, *_STARTING):
            return f"pod {name}: {_sentence(state)}"
    for condition in status.get("conditions") or []:
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            return f"pod {name}: {_sentence(condition)}"
    return ""


def _why_failed(condition: Thing, pods: Sequence[Thing]) -> str:
    parts = [_sentence(condition)]
    for pod in sorted(pods, key=node_of):
        if pod["status"].get("reason"):  # Evicted, Preempting
            parts.append(f"pod {pod['metadata']['name']}: {_sentence(pod['status'])}")
            break
        ended = [entry.get("state", {}).get("terminated") for entry in pod["status"].get("containerStatuses") or []]
        bad = next((state for state in ended if state and state.get("exitCode")), None)
        if bad is not None:
            last = (bad.get("message") or "").strip().rpartition("\n")[2]
            words = f"{bad.get('reason', 'Error')}, exit code {bad['exitCode']}"
            parts.append(f"pod {pod['metadata']['name']}: {words}{': ' if last else ''}{last}")
            break
    return "; ".join(parts)


def _sentence(state: Thing) -> str:
    reason, message = state.get("reason") or "", " ".join((state.get("message") or "").split())
    return f"{reason}: {message}" if reason and message else reason or message
