"""Jobs in Kubernetes: submit, find, follow, end."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from seatrial.cluster import Cluster
from seatrial.errors import Problem, UserError
from seatrial.launchers._names import engine_name
from seatrial.launchers.kubernetes.client import Api, Refused
from seatrial.launchers.kubernetes.kinds import KINDS, MANIFEST, Kind
from seatrial.launchers.kubernetes.pod import GRACE_SECONDS, LONGEST_NAME, RUN_ID, RUN_LABEL
from seatrial.launchers.kubernetes.status import Thing, is_over, is_suspended, name_of, standing
from seatrial.plan import Plan
from seatrial.standing import Phase, Standing, Submission

POLL_SECONDS = 1.0

_PLURALS = {"ConfigMap": "configmaps", "Service": "services", "TrainingRuntime": "trainingruntimes"}
"""Of the objects beside a job."""


def submit(plan: Plan, name: str, cluster: Cluster) -> str:
    """Create the objects of a plan, and return ``plural/name`` of the job among them.

    One of this name that is under way is left alone. One that has ended makes room: so a run is resumed.
    """
    import yaml

    api, kind = Api(cluster.options), KINDS[cluster.options.kind]
    *beside, job = yaml.safe_load_all(plan.files[MANIFEST])
    path = _path(api, job)
    old = _find(api, path)
    if old is not None:
        _check_owner(old, name)
        if not is_over(old):
            return f"{kind.plural}/{job['metadata']['name']}"
        _remove(api, path, old)
    made: list[Thing] = []
    try:
        for thing in (*beside, job):
            made.append(_create(api, thing, name))
    except Refused as error:
        for thing in beside[: len(made)]:  # nothing half-submitted, and nothing of somebody else removed
            with contextlib.suppress(Refused):
                api.delete(_path(api, thing))
        there = installed(api) if error.status == 404 else []
        raise _missing_operator(kind, there) if there and cluster.options.kind not in there else error from None
    for thing in beside:  # so that whoever deletes the job deletes them, too
        api.merge(_path(api, thing), {"metadata": {"ownerReferences": [_reference(made[-1])]}})
    return f"{kind.plural}/{job['metadata']['name']}"


def lookup(name: str, cluster: Cluster) -> str | None:
    """``plural/name`` of the job that was submitted under a name; None if there is none, or not any more."""
    api, kind = Api(cluster.options), KINDS[cluster.options.kind]
    engine = engine_name(name, longest=LONGEST_NAME)
    job = _find(api, f"{folder(api, kind)}/{engine}")
    return f"{kind.plural}/{engine}" if job is not None and _is_of(job, name) else None


def standings(submissions: Sequence[Submission], cluster: Cluster) -> Mapping[str, Standing]:
    """Name -> where it stands: a list of jobs and a list of pods, and what explains those that wait in silence."""
    if not submissions:
        return {}
    api, kind = Api(cluster.options), KINDS[cluster.options.kind]
    names = {engine_name(submission.name, longest=LONGEST_NAME): submission.name for submission in submissions}
    selector = {"labelSelector": f"{RUN_LABEL} in ({','.join(sorted(names))})"}
    jobs = {name_of(job): job for job in api.items(folder(api, kind), **selector)}
    pods = api.items(f"/api/v1/namespaces/{api.namespace}/pods", **selector)
    found = {
        name: standing(jobs[engine], [pod for pod in pods if name_of(pod) == engine])
        for engine, name in names.items()
        if engine in jobs and _is_of(jobs[engine], name)
    }
    silent = {jobs[e]["metadata"]["uid"]: (n, jobs[e]) for e, n in names.items() if n in found and _is_silent(found[n])}
    for name, detail in _explain(api, silent).items():
        found[name] = replace(found[name], detail=detail)
    return found


def cancel(submission: Submission, cluster: Cluster) -> None:
    """Delete the job. Its pods get SIGTERM and time for a checkpoint; one that is gone already is no mistake."""
    api, kind = Api(cluster.options), KINDS[cluster.options.kind]
    path = f"{folder(api, kind)}/{engine_name(submission.name, longest=LONGEST_NAME)}"
    job = _find(api, path)
    if job is None or not _is_of(job, submission.name):
        return
    try:
        api.delete(path)
    except Refused as error:
        if error.status != 404:
            raise


def folder(api: Api, kind: Kind) -> str:
    """Path of all objects of a kind in the namespace."""
    return f"/apis/{kind.api}/namespaces/{api.namespace}/{kind.plural}"


def installed(api: Api) -> list[str]:
    """Names of the kinds whose API the cluster has."""
    served = {version["groupVersion"] for group in api.get("/apis")["groups"] for version in group["versions"]}
    found: dict[str, set[str]] = {}
    for group in {kind.api for kind in KINDS.values()} & served:  # several kinds share a group: look for each itself
        try:
            found[group] = {resource["name"] for resource in api.get(f"/apis/{group}")["resources"]}
        except Refused as error:
            if error.status != 404:  # just being installed, or removed
                raise
    return [name for name, kind in KINDS.items() if kind.plural in found.get(kind.api, ())]


def _path(api: Api, thing: Thing) -> str:
    version, name = thing["apiVersion"], thing["metadata"]["name"]
    plural = _PLURALS.get(thing["kind"]) or next(k.plural for k in KINDS.values() if k.kind == thing["kind"])
    root = f"/apis/{version}" if "/" in version else f"/api/{version}"
    return f"{root}/namespaces/{api.namespace}/{plural}/{name}"


def _create(api: Api, thing: Thing, name: str) -> Thing:
    path = _path(api, thing)
    folder = path.rpartition("/")[0]
    try:
        return api.create(folder, thing)
    except Refused as error:
        if error.status != 409:
            raise
    there = api.get(path)
    _check_owner(there, name)
    if there.get("data") == thing.get("data"):
        return there  # of a submission whose answer was lost
    api.delete(path)  # with the files of a submission that came to no job
    return api.create(folder, thing)


def _find(api: Api, path: str) -> Thing | None:
    try:
        return api.get(path)
    except Refused as error:
        if error.status == 404:
            return None
        raise


def _is_of(job: Thing, name: str) -> bool:
    return bool(job["metadata"].get("annotations", {}).get(RUN_ID) == name)


def _check_owner(job: Thing, name: str) -> None:
    if not _is_of(job, name):
        where = f"{job['kind']} {job['metadata']['name']}"
        raise Refused(409, f"exists, but not as run {name!r}", where, "give the run another --name")


def _remove(api: Api, path: str, job: Thing) -> None:
    if "deletionTimestamp" not in job["metadata"]:
        api.delete(path)
    deadline = time.monotonic() + GRACE_SECONDS + 30
    while _find(api, path) is not None:
        if time.monotonic() > deadline:
            what = "the job of the last attempt is still being deleted"
            raise UserError(Problem(what, path, "look for a finalizer: kubectl get -o yaml; then try again"))
        time.sleep(POLL_SECONDS)


def _reference(job: Thing) -> dict[str, Any]:
    """That a job owns an object: its deletion waits until the object is gone, or a resumed job would meet it."""
    meta = job["metadata"]
    owner = {"apiVersion": job["apiVersion"], "kind": job["kind"], "name": meta["name"], "uid": meta["uid"]}
    return owner | {"blockOwnerDeletion": True}


def _missing_operator(kind: Kind, there: Sequence[str]) -> UserError:
    others = " or ".join(f'kind = "{name}"' for name in there)
    what = f"there is no {kind.kind} in this cluster: {kind.operator} is not installed"
    return UserError(Problem(what, kind.api, f"install it, or take {others} in the cluster's options"))


def _is_silent(found: Standing) -> bool:
    return found.phase is Phase.QUEUED and not found.detail


def _explain(api: Api, silent: Mapping[str, tuple[str, Thing]]) -> dict[str, str]:
    """Name -> why jobs wait whose pods say nothing: by their queue, or by the newest warning about them."""
    if not silent:
        return {}
    queued = _queue(api) if any(is_suspended(job) for _, job in silent.values()) else {}
    warnings = api.items(f"/api/v1/namespaces/{api.namespace}/events", fieldSelector="type=Warning")
    warnings.sort(key=lambda event: event.get("lastTimestamp") or event.get("eventTime") or "")
    found = {}
    for uid, (name, job) in silent.items():
        engine = job["metadata"]["name"]
        mine = [e for e in warnings if f"{e['involvedObject'].get('name', '')}-".startswith(f"{engine}-")]
        if is_suspended(job):
            found[name] = queued.get(uid, "suspended")
        elif mine:
            found[name] = f"{mine[-1]['reason']}: {' '.join(mine[-1]['message'].split())}"
        else:
            found[name] = "starting"
    return found


def _queue(api: Api) -> dict[str, str]:
    """Uid of a job -> why Kueue holds it back."""
    try:
        version = api.get("/apis/kueue.x-k8s.io")["preferredVersion"]["groupVersion"]
        workloads = api.items(f"/apis/{version}/namespaces/{api.namespace}/workloads")
    except Refused:
        return {}  # no Kueue, or none that this user may look into
    found = {}
    for workload in workloads:
        conditions = workload.get("status", {}).get("conditions") or []
        quota = next((c for c in conditions if c["type"] == "QuotaReserved" and c["status"] == "False"), None)
        message = quota["message"] if quota else "waits for admission"
        for owner in workload["metadata"].get("ownerReferences") or []:
            found[owner["uid"]] = f"queue {workload['spec'].get('queueName', '')}: {message}"
    return found
