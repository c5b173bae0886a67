"""Where jobs stand, by answers as the API gives them."""

from __future__ import annotations

from fractions import Fraction

import pytest

from seatrial.launchers.kubernetes.checks import quantity
from seatrial.launchers.kubernetes.status import node_of, standing
from seatrial.standing import Phase


def job(*conditions, **spec):
    status = {"conditions": [{"status": "True", **condition} for condition in conditions]}
    return {"metadata": {"name": "trial"}, "spec": spec, "status": status}


def pod(name="trial-0-abcde", phase="Running", *, container=None, conditions=(), reason=None, **meta):
    status = {"phase": phase, "conditions": list(conditions)}
    if container is not None:
        status["containerStatuses"] = [{"name": "node", "restartCount": 0, **container}]
    if reason:
        status |= reason
    return {"metadata": {"name": name, **meta}, "status": status}


UNSCHEDULABLE = {
    "type": "PodScheduled",
    "status": "False",
    "reason": "Unschedulable",
    "message": "0/3 nodes are available: 3 Insufficient nvidia.com/gpu.",
}


def waiting(reason, message):
    return {"state": {"waiting": {"reason": reason, "message": message}}}


@pytest.mark.parametrize(
    "condition",
    [
        {"type": "Complete"},  # Job, TrainJob
        {"type": "Completed", "reason": "AllJobsCompleted", "message": "jobset completed successfully"},  # JobSet
        {"type": "Succeeded", "reason": "PyTorchJobSucceeded"},  # Kubeflow
    ],
)
def test_end_of_every_kind(condition):
    # The Kubeflow operators keep their first condition, Created, at the head of the list.
    found = standing(job({"type": "Created"}, {"type": "Running", "status": "False"}, condition), [])
    assert (found.phase, found.failed) == (Phase.ENDED, False)


@pytest.mark.parametrize("name", ["Complete", "Failed"])
def test_condition_that_is_false_is_no_end(name):
    assert standing(job({"type": name, "status": "False"}), [pod()]).phase is Phase.RUNNING


def test_failure_says_which_pod_and_what_it_said_last():
    condition = {"type": "Failed", "reason": "BackoffLimitExceeded", "message": "Job has reached the backoff limit"}
    state = {"terminated": {"exitCode": 1, "reason": "Error", "message": "Traceback\n...\nValueError: no such data\n"}}
    fine = {"terminated": {"exitCode": 0, "reason": "Completed"}}
    pods = [
        pod(
            "trial-1-x",
            "Failed",
            container={"state": state},
            annotations={"batch.kubernetes.io/job-completion-index": "1"},
        ),
        pod("trial-0-y", "Succeeded", container={"state": fine}),
    ]
    found = standing(job(condition), pods)
    assert found.phase is Phase.ENDED and found.failed
    assert found.detail == (
        "BackoffLimitExceeded: Job has reached the backoff limit; "
        "pod trial-1-x: Error, exit code 1: ValueError: no such data"
    )


def test_evicted_pod_is_named():
    evicted = {"reason": "Evicted", "message": "The node was low on resource: memory."}
    found = standing(job({"type": "Failed"}), [pod(phase="Failed", reason=evicted)])
    assert found.detail.endswith("pod trial-0-abcde: Evicted: The node was low on resource: memory.")


def test_running_when_all_pods_run():
    assert standing(job(), [pod(), pod("trial-1-x")]).phase is Phase.RUNNING
    found = standing(job(), [pod(), pod("trial-1-x", "Pending", conditions=[UNSCHEDULABLE])])
    assert found.phase is Phase.QUEUED and "Insufficient nvidia.com/gpu" in found.detail


@pytest.mark.parametrize(
    ("container", "words"),
    [
        (waiting("ImagePullBackOff", 'Back-off pulling image "a/b:1"'), "ImagePullBackOff: Back-off pulling image"),
        (waiting("ErrImagePull", "not found"), "ErrImagePull: not found"),
        (waiting("CreateContainerConfigError", 'secret "hub" not found'), 'CreateContainerConfigError: secret "hub"'),
        (waiting("CrashLoopBackOff", "back-off 10s"), "CrashLoopBackOff: back-off 10s"),
    ],
)
def test_pod_that_cannot_start_says_why(container, words):
    found = standing(job(), [pod(phase="Pending", container=container)])
    assert found.phase is Phase.QUEUED and words in found.detail and "trial-0-abcde" in found.detail


def test_pod_that_crashes_again_and_again_does_not_count_as_running():
    assert standing(job(), [pod(container=waiting("CrashLoopBackOff", "back-off 5m"))]).phase is Phase.QUEUED


def test_pod_that_only_starts_says_nothing():
    found = standing(job(), [pod(phase="Pending", container=waiting("ContainerCreating", ""))])
    assert (found.phase, found.detail) == (Phase.QUEUED, "")


def test_job_without_pods_waits():
    assert standing(job(), []).phase is Phase.QUEUED


def test_job_that_is_being_deleted_runs_as_long_as_its_pods():
    going = job()
    going["metadata"]["deletionTimestamp"] = "2026-11-21T00:00:00Z"
    assert standing(going, [pod()]).phase is Phase.RUNNING
    assert standing(going, []).phase is Phase.GONE


@pytest.mark.parametrize(
    ("name", "labels", "annotations", "node"),
    [
        ("trial-3-x2x4z", {}, {"batch.kubernetes.io/job-completion-index": "3"}, 3),
        ("trial-node-0-2-x2x4z", {"batch.kubernetes.io/job-completion-index": "2"}, {}, 2),
        (
            "t-master-0",
            {"training.kubeflow.org/replica-type": "master", "training.kubeflow.org/replica-index": "0"},
            {},
            0,
        ),
        (
            "t-worker-0",
            {"training.kubeflow.org/replica-type": "worker", "training.kubeflow.org/replica-index": "0"},
            {},
            1,
        ),
        ("t-launcher-8kxwz", {"training.kubeflow.org/job-role": "launcher"}, {}, 0),
        ("t-worker-1", {"training.kubeflow.org/job-role": "worker", "training.kubeflow.org/replica-index": "1"}, {}, 2),
        ("trial-node-5", {"apps.kubernetes.io/pod-index": "5"}, {}, 5),
        ("trial-node-7", {}, {}, 7),
        ("something", {}, {}, 0),
    ],
)
def test_node_of_a_pod(name, labels, annotations, node):
    assert node_of({"metadata": {"name": name, "labels": labels, "annotations": annotations}}) == node


@pytest.mark.parametrize(
    ("text", "value"),
    [("8", 8), ("100m", Fraction(1, 10)), ("5120Mi", 5120 * 2**20), ("2e3", 2000), ("1.5Gi", 3 * 2**29), ("3k", 3000)],
)
def test_quantity(text, value):
    assert quantity(text) == value


@pytest.mark.parametrize("text", ["", "Mi", "5 Mi", "5mi", "five"])
def test_what_is_no_quantity(text):
    with pytest.raises(ValueError):
        quantity(text)
