"""Against the cluster that KUBECONFIG names: every kind is accepted by its API server, and two pods really train.

Where it names none, but an API server can be started here, all that needs no nodes is tried against that.

The image of the second test is SEATRIAL_TEST_IMAGE, by default a plain Python; Seatrial comes to the pods in a
ConfigMap, and pip brings PyTorch where the image has none. KUBECONFIG's current context must be allowed to make
CustomResourceDefinitions, Jobs, Services and ConfigMaps in the namespace default.
"""

from __future__ import annotations

import base64
import io
import os
import time
import uuid
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from seatrial.history import History
from seatrial.launchers import kubernetes
from seatrial.launchers.kubernetes.client import Api, Refused
from seatrial.launchers.kubernetes.engine import installed
from seatrial.launchers.kubernetes.kinds import KINDS
from seatrial.plan import Plan
from seatrial.standing import Phase, Submission
from seatrial.versions import TORCH
from tests.launchers.kubernetes import samples, schemas

pytestmark = pytest.mark.external

IMAGE = os.environ.get("SEATRIAL_TEST_IMAGE", "docker.io/library/python:3.12.12-slim-bookworm")
SOURCE = Path(__file__).parents[3] / "src"
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
RUN_SECONDS = 1200
"""Two pods pull an image and PyTorch, and train for half a minute."""


@pytest.fixture(scope="module")
def api(kubeconfig: str) -> Iterator[Api]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KUBECONFIG", kubeconfig)
        yield Api(kubernetes.Options())


@pytest.fixture(scope="module")
def operators(api: Api) -> Iterator[list[str]]:
    """Names of all kinds, after the definitions that the cluster lacked were made; in the end they go again."""
    made = []
    for definition in schemas.definitions().values():
        name = definition["metadata"]["name"]
        if not api.exists(f"{CRDS}/{name}"):
            api.create(CRDS, definition)
            made.append(name)
    deadline = time.monotonic() + 30
    while set(kinds := installed(api)) != set(KINDS) and time.monotonic() < deadline:
        time.sleep(0.5)  # a definition is served a moment after it was made
    yield kinds
    for name in made:
        api.delete(f"{CRDS}/{name}")


def server(api: Api) -> tuple[int, int]:
    version = api.get("/version")
    return int(version["major"] or 0), int(version["minor"].rstrip("+") or 0)


@pytest.mark.parametrize("gpu", [False, True], ids=["cpu", "gpu"])
@pytest.mark.parametrize("kind", samples.KINDS)
def test_api_server_takes_every_field(api, operators, kind, gpu):
    """A dry run on the server; what it answers still holds all that was asked for."""
    assert kind in operators
    if kind == "job" and server(api) < (1, 24):
        pytest.skip(f"Kubernetes {server(api)} has no Indexed Jobs: they came to stay in 1.24")
    for document in samples.documents(samples.for_kind(kind, gpu=gpu), name=f"dry run {uuid.uuid4()}"):
        folder = path_of(document)
        answer = api._json("POST", folder, query={"dryRun": "All", "fieldValidation": "Strict"}, body=document)
        assert lost(document["spec"], answer["spec"]) == []


def test_api_server_refuses_a_wrong_value(api, operators):
    [document] = samples.documents(samples.for_kind("pytorchjob"), name="dry run")
    document["spec"]["runPolicy"]["cleanPodPolicy"] = "Sometimes"
    with pytest.raises(Refused) as error:
        api._json("POST", path_of(document), query={"dryRun": "All"}, body=document)
    assert error.value.status == 422


@pytest.mark.parametrize("kind", samples.KINDS)
def test_job_is_submitted_once_found_and_cancelled(api, operators, kind):
    where = replace(samples.for_kind(kind), image="example.com/nothing:1", nodes=1)
    name = f"There and gone {uuid.uuid4()}"
    submission = Submission(name=name, cluster={})
    plan = kubernetes.render(samples.job(where), where, name)
    try:
        job_id = kubernetes.submit(plan, name, where)
        assert job_id == kubernetes.submit(plan, name, where) == kubernetes.lookup(name, where)
        assert kubernetes.standings([submission], where)[name].phase is Phase.QUEUED
    finally:
        kubernetes.cancel(submission, where)
    left = kubernetes.standings([submission], where).get(name)
    assert left is None or left.detail == "being deleted"


def test_two_pods_train(api, tmp_path):
    if not api.items("/api/v1/nodes"):
        pytest.skip("the cluster has no nodes")
    where = samples.cluster(options={"kind": "job"}, image=IMAGE, cpus_per_node=1, python="python3")
    job = replace(samples.job(where, processes_per_node=1), threads_per_process=1)
    run = History(tmp_path).create(job)
    submission = Submission(name=run.id, cluster={})
    config = api.create("/api/v1/namespaces/default/configmaps", package(kubernetes.engine_name(run.id, longest=40)))
    try:
        kubernetes.submit(with_package(kubernetes.render(job, where, run.id), config), run.id, where)
        deadline = time.monotonic() + RUN_SECONDS
        standing = kubernetes.standings([submission], where)[run.id]
        while standing.phase is not Phase.ENDED and time.monotonic() < deadline:
            kubernetes.collect(run, submission, where, logs=True)
            time.sleep(2)
            standing = kubernetes.standings([submission], where)[run.id]
        kubernetes.collect(run, submission, where, logs=True)
        logs = {path.name: path.read_text()[-2000:] for path in (run.path / "logs").glob("*.log")}
        assert standing.phase is Phase.ENDED and not standing.failed, (standing, logs)
        end = run.events().end()
        assert end is not None and end.outcome == "completed" and end.ranks_agree, logs
        assert len(run.events().steps()) > 10 and set(logs) == {"node-0.log", "node-1.log"}
    finally:
        kubernetes.cancel(submission, where)
        api.delete(f"/api/v1/namespaces/default/configmaps/{config['metadata']['name']}")


def package(name: str) -> dict[str, Any]:
    """A ConfigMap with Seatrial's own source as a zip file, which Python imports from as it is."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted((SOURCE / "seatrial").rglob("*.py")):
            archive.write(path, path.relative_to(SOURCE))
    content = {"seatrial.zip": base64.b64encode(data.getvalue()).decode()}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "binaryData": content}


def with_package(plan: Plan, config: dict[str, Any]) -> Plan:
    """The plan, with the ConfigMap on each pod's path, and pip for what its image lacks."""
    *beside, job = yaml.safe_load_all(plan.files["manifest.yaml"])
    pod = job["spec"]["template"]["spec"]
    [container] = pod["containers"]
    # the CPU build: from PyPI torch comes with gigabytes of CUDA
    index = "--index-url https://download.pytorch.org/whl/cpu --extra-index-url https://pypi.org/simple"
    install = f"python3 -c 'import torch, sklearn' || pip install --quiet {index} torch=={TORCH}+cpu numpy scikit-learn"
    container["command"] = ["sh", "-c", f'{install}; exec "$$@"', "sh", *container["command"]]
    container["env"].append({"name": "PYTHONPATH", "value": "/package/seatrial.zip"})
    container["volumeMounts"].append({"name": "package", "mountPath": "/package"})
    pod["volumes"].append({"name": "package", "configMap": {"name": config["metadata"]["name"]}})
    return Plan(files={"manifest.yaml": yaml.safe_dump_all([*beside, job])})


def path_of(document: dict[str, Any]) -> str:
    plurals = {"Service": "services", "TrainingRuntime": "trainingruntimes"}
    plural = plurals.get(document["kind"]) or next(k.plural for k in KINDS.values() if k.kind == document["kind"])
    root = "/apis" if "/" in document["apiVersion"] else "/api"
    return f"{root}/{document['apiVersion']}/namespaces/default/{plural}"


def lost(asked: Any, answered: Any, path: str = "") -> list[str]:
    """Where an answer lacks something that was asked for. Numbers and texts of quantities count as the same."""
    if isinstance(asked, dict):
        inner = answered if isinstance(answered, dict) else {}
        return [found for key, value in asked.items() for found in lost(value, inner.get(key), f"{path}/{key}")]
    if isinstance(asked, list):
        inner = answered if isinstance(answered, list) else []
        pairs = zip(asked, [*inner, *[None] * len(asked)], strict=False)
        return [found for number, (a, b) in enumerate(pairs) for found in lost(a, b, f"{path}/{number}")]
    if "/resources/" in path or path.endswith("/sizeLimit"):
        return [] if answered is not None else [path]
    return [] if asked == answered else [path]
