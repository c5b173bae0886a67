"""Every manifest against the schemas of what reads it, field by field."""

from __future__ import annotations

import copy
import importlib.metadata
import json
import runpy
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import jinja2
import jsonschema
import pytest
import yaml

from seatrial.launchers import kubernetes
from seatrial.plan import Plan
from tests.launchers.kubernetes import samples, schemas
from tests.launchers.shapes import SHAPES
from tests.launchers.texts import distinct

ALL_OPTIONS = {
    "service_account": "sa",
    "secret_name": "hub",
    "node_selector": {"pool": "x"},
    "tolerations": ("pool",),
    "priority_class": "high",
    "kueue_queue": "team",
    "topology": "topology.k8s.aws/network-node-layer-3",
    "shared_memory_gib": 64,
    "time_limit_seconds": 3600,
}


def everything(kind: str, *, gpu: bool) -> list[dict[str, Any]]:
    """The objects of a kind with all options set."""
    ttl = {} if kind == "trainjob" else {"ttl_seconds_after_finished": 600}
    return samples.documents(samples.for_kind(kind, gpu=gpu, **ALL_OPTIONS, **ttl))


@pytest.mark.parametrize("version", schemas.VERSIONS)
@pytest.mark.parametrize("gpu", [False, True], ids=["cpu", "gpu"])
@pytest.mark.parametrize("kind", samples.KINDS)
def test_manifest_fits_the_schemas(kind, gpu, version):
    for documents in (everything(kind, gpu=gpu), samples.documents(samples.for_kind(kind, gpu=gpu))):
        for document in documents:
            schemas.validate(document, version)


SCALES = {"nodes": 256, "cpus_per_node": 192, "accelerators_per_node": 8, "processes_per_node": 8}


@pytest.mark.parametrize("kind", samples.KINDS)
def test_every_recipe_fits_the_schemas(kind):
    """At the scale that it was made for: one of each text that recipes become."""
    for _, plan in distinct(replace(samples.for_kind(kind, gpu=True), **SCALES)):
        fits(plan, schemas.VERSIONS[0], schemas.VERSIONS[-1])


@pytest.mark.parametrize("name", SHAPES["kubernetes"])
def test_every_shape_fits_the_schemas(name):
    shape = SHAPES["kubernetes"][name]
    fits(kubernetes.render(shape.job, shape.cluster, "run-1"), schemas.VERSIONS[0], schemas.VERSIONS[-1])


def fits(plan: Plan, *versions: str) -> None:
    documents = list(yaml.load_all(plan.files["manifest.yaml"], yaml.CSafeLoader))
    assert documents
    for document in documents:
        for version in versions:
            schemas.validate(document, version)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Paths of all mappings whose keys a schema decides."""
    if isinstance(value, dict):
        if not path or path[-1] not in schemas.FREE:
            yield path
            for key, inner in value.items():
                yield from places(inner, (*path, key))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from places(inner, (*path, number))


@pytest.mark.parametrize("kind", samples.KINDS)
def test_misspelt_field_is_an_error_everywhere(kind):
    """The schemas are worth something: there is no place where an unknown field would pass."""
    for document in everything(kind, gpu=True):
        paths = list(places(document))
        assert len(paths) > 3
        for path in paths:
            if path == ("spec", "mlPolicy", "torch"):
                continue  # every field of it is optional, and it is empty here
            changed = copy.deepcopy(document)
            inner = changed
            for step in path:
                inner = inner[step]
            inner["misspelt"] = "x"
            with pytest.raises(jsonschema.ValidationError):
                schemas.validate(changed, schemas.VERSIONS[-1])


def test_hyperpod_job_stands_where_aws_own_template_puts_it():
    where = samples.for_kind("hyperpodpytorchjob", gpu=True, kueue_queue="team", max_restarts=3)
    [ours] = samples.documents(where)
    settings = {
        "job_name": "trial",
        "namespace": "default",
        "image": samples.IMAGE,
        "queue_name": "team",
        "instance_type": "ml.p5.48xlarge",
        "node_count": 4,
        "tasks_per_node": 8,
        "accelerators": 8,
        "accelerators_limit": 8,
        "efa": 32,
        "efa_limit": 32,
        "max_retry": 3,
        "volume": [{"name": "mount-0", "type": "pvc", "mount_path": "/fsx", "claim_name": "fsx"}],
    }
    theirs = yaml.safe_load(jinja2.Template(aws_template()).render(**settings))
    pod = "/spec/replicaSpecs/0/template"
    assert missing(theirs, ours) == [
        "/spec/replicaSpecs/0/name",  # anybody may choose these names
        f"{pod}/metadata/name",
        f"{pod}/metadata/namespace",
        f"{pod}/metadata/labels/kueue.x-k8s.io/queue-name",  # it is the job that waits
        f"{pod}/spec/containers/0/name",
    ]


def aws_template() -> str:
    """Read without its package, whose import needs the whole HyperPod CLI."""
    files = importlib.metadata.files("hyperpod-pytorch-job-template") or []
    [file] = [file for file in files if str(file).endswith("v1_1/template.py")]
    text: str = runpy.run_path(str(file.locate()))["TEMPLATE_CONTENT"]
    return text


def missing(theirs: Any, ours: Any, path: str = "") -> list[str]:
    """Where the second lacks something of the first, or says something else."""
    if isinstance(theirs, dict) and isinstance(ours, dict):
        return [found for key, value in theirs.items() for found in missing(value, ours.get(key), f"{path}/{key}")]
    if isinstance(theirs, list) and isinstance(ours, list):
        named = {item.get("name"): item for item in ours if isinstance(item, dict)}
        return [
            found
            for number, value in enumerate(theirs)
            for found in missing(value, named.get(value.get("name"), ours[number]), f"{path}/{number}")
        ]
    return [] if json.dumps(theirs) == json.dumps(ours) else [path]
