"""Strict schemas of everything that the Kubernetes launcher renders: a field that is not known is an error.

Core kinds and pod templates: Kubernetes' own schemas. Custom resources: what their projects publish as Python models,
and the compact definitions in crds/.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import jsonschema
import yaml
from kubernetes_validate import utils
from referencing import Registry, Resource

CRDS = Path(__file__).parent / "crds"

VERSIONS = ("1.31", "1.32", "1.33", "1.34", "1.35", "1.36")
"""What Amazon EKS supports, standard or extended, in November 2026:
https://docs.aws.amazon.com/eks/latest/userguide/kubernetes-versions.html"""

CORE = ("v1", "batch/v1", "apps/v1", "rbac.authorization.k8s.io/v1")
"""What belongs to Kubernetes itself."""

FREE = ("labels", "annotations", "nodeSelector", "limits", "requests", "matchLabels", "selector")
"""Mappings whose keys anybody may choose."""


def validate(document: dict[str, Any], version: str) -> None:
    """Raises jsonschema.ValidationError."""
    if document["apiVersion"] in CORE:
        _core(document["apiVersion"], document["kind"], version).validate(document)
        return
    _core("v1", "ConfigMap", version).validate(
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": document["metadata"]}
    )
    for validator in _custom(document["kind"]):
        validator.validate(document)
    for template in job_templates(document):
        _core("batch/v1", "Job", version).validate({"apiVersion": "batch/v1", "kind": "Job", **template})
    for template in pod_templates(document):
        _core("v1", "Pod", version).validate({"apiVersion": "v1", "kind": "Pod", **template})


@cache
def _core(api: str, kind: str, version: str) -> Any:
    """What kubernetes_validate.validate(document, version, strict=True) does, which reads its files each time."""
    folder = f"kubernetes-json-schema/v{version}.0-local-strict"
    group, _, number = api.rpartition("/")
    name = "-".join(filter(None, (kind.lower(), group.partition(".")[0], number))) + ".json"
    contents = [utils.schema_contents(f"{folder}/{file}", version) for file in (name, "_definitions.json")]
    registry = [Resource.from_contents(content) for content in contents] @ Registry()
    return jsonschema.Draft202012Validator(contents[0], registry=registry)


@cache
def _custom(kind: str) -> list[Any]:
    """All schemas that a custom resource must fulfil."""
    found = [_definition(kind)]
    if kind in ("JobSet", "TrainJob", "TrainingRuntime"):
        found.append(_trainer(kind))
    if kind == "PyTorchJob":
        found.append(_training_operator(kind))
    return [jsonschema.Draft202012Validator(schema) for schema in found]


@cache
def definitions() -> dict[str, dict[str, Any]]:
    """Kind -> its CustomResourceDefinition."""
    found = [yaml.load(path.read_text(), yaml.CSafeLoader) for path in sorted(CRDS.glob("*.yaml"))]
    return {definition["spec"]["names"]["kind"]: definition for definition in found}


def job_templates(value: Any) -> Iterator[dict[str, Any]]:
    """Every JobTemplateSpec inside a document."""
    for inner in _mappings(value):
        for job in inner.get("replicatedJobs", []):
            yield job["template"]


def pod_templates(value: Any) -> Iterator[dict[str, Any]]:
    """Every PodTemplateSpec inside a document."""
    for inner in _mappings(value):
        if "containers" in inner.get("template", {}).get("spec", {}):
            yield inner["template"]


def _mappings(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _mappings(inner)


def _definition(kind: str) -> dict[str, Any]:
    [version] = definitions()[kind]["spec"]["versions"]
    return _strict(version["schema"]["openAPIV3Schema"])


def _trainer(kind: str) -> dict[str, Any]:
    """From the models of Kubeflow Trainer, which take unknown fields as they are."""
    package = import_module("kubeflow_trainer_api.models")
    prefix = "JobsetV1alpha2" if kind == "JobSet" else "TrainerV1alpha1"
    schema = getattr(package, f"{prefix}{kind}").model_json_schema(by_alias=True)
    for name in schema["$defs"]:
        if name.endswith(("ResourceQuantity", "UtilIntstrIntOrString")):
            schema["$defs"][name] = {"type": ["string", "integer"]}  # the generator lost their types
    return _strict(schema)


def _training_operator(kind: str) -> dict[str, Any]:
    """From the models of the Training Operator: names and types of fields."""
    models = import_module("kubeflow.training.models")
    plain = {"str": "string", "int": "integer", "bool": "boolean"}

    def schema(type_name: str) -> dict[str, Any]:
        if type_name in plain:
            return {"type": plain[type_name]}
        if match := re.fullmatch(r"dict\(str, (\w+)\)", type_name):
            return {"type": "object", "additionalProperties": schema(match[1])}
        if not type_name.startswith("KubeflowOrg"):  # a pod template, or metadata: checked on its own
            return {"type": "object"}
        model = getattr(models, type_name)
        fields = {model.attribute_map[name]: schema(kind) for name, kind in model.openapi_types.items()}
        return {"type": "object", "properties": fields, "additionalProperties": False}

    return schema(f"KubeflowOrgV1{kind}")


def _strict(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema, with every object that names its fields closed."""

    def close(value: Any) -> Any:
        if isinstance(value, list):
            return [close(item) for item in value]
        if not isinstance(value, dict):
            return value
        closed = {key: close(item) for key, item in value.items()}
        if isinstance(closed.get("properties"), dict) and "type" in closed:
            closed["additionalProperties"] = False
        return closed

    closed: dict[str, Any] = close(json.loads(json.dumps(schema)))
    return closed
