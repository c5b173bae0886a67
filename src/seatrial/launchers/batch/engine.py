"""Jobs in AWS Batch: submit, find again, where they stand, stop."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from seatrial.cluster import Cluster
from seatrial.errors import Problem, UserError
from seatrial.launchers._names import engine_name
from seatrial.launchers.batch import api
from seatrial.launchers.batch.checks import obstacles, queue
from seatrial.launchers.batch.requests import DEFINITION, LONGEST_NAME, SUBMISSION
from seatrial.plan import Plan
from seatrial.standing import Phase, Standing, Submission

if TYPE_CHECKING:
    from seatrial.launchers.batch import Options

DESCRIBED_AT_ONCE = 100
"""Jobs of one DescribeJobs call: AWS Batch API Reference."""

PHASES = {
    "SUBMITTED": Phase.QUEUED,
    "PENDING": Phase.QUEUED,
    "RUNNABLE": Phase.QUEUED,
    "STARTING": Phase.RUNNING,
    "RUNNING": Phase.RUNNING,
    "SUCCEEDED": Phase.ENDED,
    "FAILED": Phase.ENDED,
}
"""https://docs.aws.amazon.com/batch/latest/userguide/job_states.html"""


def submit(plan: Plan, name: str, cluster: Cluster) -> str:
    """Register the plan's definition, unless it is there, and submit the job. Returns the job's id.

    A job of that name that has not ended is taken for this one. One that has ended is not in the way: a run that is
    resumed keeps its name, by which it finds its checkpoints.
    """
    options: Options = cluster.options
    batch = api.client(cluster, "batch")
    # SubmitJob knows no token by which Batch would see a repetition: it is sent once. If the answer is lost, the next
    # submission finds the job.
    once = api.client(cluster, "batch", attempts=1)
    with api.calls(cluster):
        if queue(batch, cluster)["state"] != "ENABLED":
            remedy = f"aws batch update-job-queue --state ENABLED --job-queue {options.queue}"
            raise UserError(Problem("the job queue is disabled", f"clusters.{cluster.name}.options.queue", remedy))
        for job in _named(batch, name, cluster):
            if PHASES.get(job["status"]) is not Phase.ENDED:
                return str(job["jobId"])
        definition = _register(batch, json.loads(plan.files[DEFINITION]))
        answer = once.submit_job(**json.loads(plan.files[SUBMISSION]) | {"jobDefinition": definition})
    return str(answer["jobId"])


def lookup(name: str, cluster: Cluster) -> str | None:
    """The id of the newest job of that name. Batch keeps those that have ended for seven days at least."""
    batch = api.client(cluster, "batch")
    with api.calls(cluster):
        jobs = _named(batch, name, cluster)
    newest = max(jobs, key=lambda job: int(job["createdAt"]), default=None)
    return None if newest is None else str(newest["jobId"])


def standings(submissions: Sequence[Submission], cluster: Cluster) -> Mapping[str, Standing]:
    """Name -> where it stands: one call for 100 jobs, and two more if one of them waits without a reason."""
    names = {s.job_id or lookup(s.name, cluster): s.name for s in submissions}
    ids = [job_id for job_id in names if job_id is not None]
    batch = api.client(cluster, "batch")
    found = []
    with api.calls(cluster):
        for first in range(0, len(ids), DESCRIBED_AT_ONCE):
            found += batch.describe_jobs(jobs=ids[first : first + DESCRIBED_AT_ONCE])["jobs"]
        waits = any(job["status"] == "RUNNABLE" and not job.get("statusReason") for job in found)
        why = "; ".join(obstacles(batch, cluster)) if waits else ""
    return {names[job["jobId"]]: _standing(job, why or "Batch names no reason") for job in found}


def cancel(submission: Submission, cluster: Cluster) -> None:
    """TerminateJob sends SIGTERM to all nodes of a job that runs, and takes one that waits out of the queue."""
    job_id = submission.job_id or lookup(submission.name, cluster)
    if job_id is not None:
        batch = api.client(cluster, "batch")
        with api.calls(cluster):
            batch.terminate_job(jobId=job_id, reason="cancelled with seatrial")


def _named(batch: Any, name: str, cluster: Cluster) -> list[dict[str, Any]]:
    """Jobs of the run of that name, whatever their status."""
    options: Options = cluster.options
    job_name = engine_name(name, longest=LONGEST_NAME)
    filters = [{"name": "JOB_NAME", "values": [job_name]}]
    pages = batch.get_paginator("list_jobs").paginate(jobQueue=options.queue, filters=filters)
    # Batch's filter takes a and A for the same.
    return [job for page in pages for job in page["jobSummaryList"] if job["jobName"] == job_name]


def _register(batch: Any, definition: dict[str, Any]) -> str:
    """``name:revision`` of an active definition with this content, which the name carries a hash of."""
    name = definition["jobDefinitionName"]
    known = batch.describe_job_definitions(jobDefinitionName=name, status="ACTIVE")["jobDefinitions"]
    newest = max(known, key=lambda found: int(found["revision"]), default=None)
    return f"{name}:{(newest or batch.register_job_definition(**definition))['revision']}"


def _standing(job: Mapping[str, Any], why_it_waits: str) -> Standing:
    status, reasons = job["status"], [job.get("statusReason") or ""]
    if status == "RUNNABLE" and not reasons[0]:
        reasons = [why_it_waits]
    if status == "FAILED" and job.get("attempts"):
        container = job["attempts"][-1].get("container", {})
        code = container.get("exitCode")
        reasons += [container.get("reason") or "", f"exit code {code}" if code is not None else ""]
    detail = "; ".join(dict.fromkeys(reason for reason in reasons if reason))
    return Standing(
        phase=PHASES.get(status, Phase.GONE),
        detail=f"{status}: {detail}" if detail else status,
        failed=status == "FAILED",
    )
