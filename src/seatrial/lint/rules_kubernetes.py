"""Rules about Kubernetes manifests."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from seatrial.findings import Verdict
from seatrial.lint.documents import Document
from seatrial.lint.manifest import Map, Text, integer, walk
from seatrial.lint.rules import Hit, Tree, rule
from seatrial.lint.rules_docker import mutable_tag

UPSTREAM = "awslabs/awsome-distributed-ai"
KUBERNETES = "https://kubernetes.io/docs"
_POD = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: train\nspec:\n  containers:\n    - name: train\n      image: {}\n"
_IMAGE = "registry.example.com/train:1.4.0"
_TRAIN = _POD.format(_IMAGE)
_JOBS = {"Job", "PyTorchJob", "JobSet", "TrainJob", "MPIJob", "HyperPodPyTorchJob"}


@rule(
    "kubernetes.mutable-image",
    Verdict.WARN,
    ("yaml",),
    expected="an image with a version or a digest",
    why="Nodes that pull latest at different times run different images in one job.",
    remedy="name a version, better a digest",
    source=f"{KUBERNETES}/concepts/containers/images; {UPSTREAM}#435",
    bad=_POD.format("registry.example.com/train:latest"),
    at=8,
    good=_TRAIN,
)
def mutable_image(document: Document, _: Tree) -> Iterator[Hit]:
    for container in document.containers:
        image = container.spec.text("image")
        reason = mutable_tag(image) if image else ""
        if image and reason:
            always = container.spec.get("imagePullPolicy") == "Always"
            yield image.line, f"{image} {reason}" + (" and is pulled anew each time" if always else "")


@rule(
    "kubernetes.placeholder",
    Verdict.FAIL,
    ("yaml",),
    expected="$NAME or ${NAME}, which envsubst fills in",
    why="envsubst knows names of letters, digits and _ behind a $: everything else reaches the cluster as it is.",
    remedy="write ${NAME}, with _ instead of -",
    source=f"GNU gettext, envsubst; {UPSTREAM}, nemo-launcher and stable-diffusion manifests",
    bad=_POD.format("registry.example.com/train:{TAG}"),
    at=8,
    good=_POD.format("registry.example.com/train:${TAG}"),
)
def placeholder(document: Document, _: Tree) -> Iterator[Hit]:
    for mapping in walk(document.manifest):
        for key, value in mapping.items():
            if not isinstance(value, Text) or key in ("command", "args", "data"):
                continue
            found = re.search(r"\$\{\w*-\w[\w-]*\}|(?<!\$)(?<![\w{])\{[A-Z][A-Z0-9_]*\}", value)
            if found and "\n" not in value:
                yield value.line, f"{found[0]} is not filled in"


@rule(
    "kubernetes.empty-resource",
    Verdict.FAIL,
    ("yaml",),
    expected="a number of each resource",
    why="An empty value is null, which counts as none: the pod gets no GPU.",
    remedy="write the number",
    source=f"{UPSTREAM}, stable-diffusion manifest",
    bad=f"{_TRAIN}      resources:\n        limits:\n          nvidia.com/gpu:\n",
    at=11,
    good=f"{_TRAIN}      resources:\n        limits:\n          nvidia.com/gpu: 8\n",
)
def empty_resource(document: Document, _: Tree) -> Iterator[Hit]:
    for container in document.containers:
        for of in ("limits", "requests"):
            resources = container.spec.map("resources", of)
            for name, value in resources.items():
                if value is None or value == "":
                    yield resources.line_of(name), f"{name} is empty"


@rule(
    "kubernetes.autoscaled-job",
    Verdict.FAIL,
    ("yaml",),
    expected="a job of a fixed size without an autoscaler",
    why="elasticPolicy.metrics creates a HorizontalPodAutoscaler: on a job with a fixed --nnodes it adds pods that "
    "nobody waits for, or takes away pods that train.",
    remedy="remove metrics; remove elasticPolicy altogether unless --nnodes is a range",
    source=f"Kubeflow training operator, ElasticPolicy; {UPSTREAM}, FSDP manifests",
    bad="apiVersion: kubeflow.org/v1\n"
    "kind: PyTorchJob\n"
    "spec:\n"
    "  elasticPolicy:\n"
    "    metrics:\n"
    "      - type: Resource\n",
    at=5,
    good="apiVersion: kubeflow.org/v1\nkind: PyTorchJob\nspec:\n  runPolicy:\n    cleanPodPolicy: None\n",
)
def autoscaled_job(document: Document, _: Tree) -> Iterator[Hit]:
    manifest = document.manifest or Map()
    policy = manifest.map("spec", "elasticPolicy")
    if policy.get("metrics"):
        yield policy.line_of("metrics"), "elasticPolicy.metrics makes an autoscaler for this job"
    target = manifest.map("spec", "scaleTargetRef")
    if manifest.get("kind") == "HorizontalPodAutoscaler" and target.get("kind") in _JOBS:
        yield target.line_of("kind"), f"an autoscaler for a {target.get('kind')}"


@rule(
    "kubernetes.elastic-range",
    Verdict.WARN,
    ("yaml",),
    expected="minReplicas to maxReplicas around the replicas of the job",
    why="A range far from what runs is a promise nobody keeps; a range of one size is no elasticity.",
    remedy="remove elasticPolicy for a fixed size",
    source=f"Kubeflow training operator, ElasticPolicy; {UPSTREAM}, FSDP manifests",
    bad="apiVersion: kubeflow.org/v1\n"
    "kind: PyTorchJob\n"
    "spec:\n"
    "  elasticPolicy:\n"
    "    minReplicas: 4\n"
    "    maxReplicas: 4\n",
    at=6,
    good="apiVersion: kubeflow.org/v1\n"
    "kind: PyTorchJob\n"
    "spec:\n"
    "  elasticPolicy:\n"
    "    minReplicas: 2\n"
    "    maxReplicas: 4\n",
)
def elastic_range(document: Document, _: Tree) -> Iterator[Hit]:
    spec = (document.manifest or Map()).map("spec")
    policy = spec.map("elasticPolicy")
    least, most = integer(policy.get("minReplicas")), integer(policy.get("maxReplicas"))
    replicas = integer(spec.map("pytorchReplicaSpecs", "Worker").get("replicas"))
    if least is not None and least == most:
        yield policy.line_of("maxReplicas"), f"minReplicas and maxReplicas are both {most}"
    elif replicas and most is not None and least is not None and not least <= replicas <= most:
        yield policy.line_of("maxReplicas"), f"{replicas} replicas outside of {least} to {most}"


@rule(
    "kubernetes.secret-in-manifest",
    Verdict.WARN,
    ("yaml",),
    expected="valueFrom.secretKeyRef",
    why="A secret that envsubst writes into the manifest is readable by everyone who may read pods.",
    remedy="kubectl create secret, and refer to it with valueFrom.secretKeyRef",
    source=f"{KUBERNETES}/concepts/configuration/secret; {UPSTREAM}, FSDP manifests",
    bad=f"{_TRAIN}      env:\n        - name: HF_TOKEN\n          value: $HF_TOKEN\n",
    at=11,
    good=f"{_TRAIN}      env:\n        - name: HF_TOKEN\n          valueFrom:\n            secretKeyRef:\n"
    "              name: hugging-face\n              key: token\n",
)
def secret_in_manifest(document: Document, _: Tree) -> Iterator[Hit]:
    for container in document.containers:
        for item in container.spec.items_of("env"):
            value, name = item.text("value"), item.text("name") or ""
            if value and value.startswith("$") and re.search(r"(TOKEN|PASSWORD|SECRET|API_KEY|ACCESS_KEY)$", name):
                yield value.line, f"{name} is written into the manifest"


@rule(
    "kubernetes.host-shm",
    Verdict.WARN,
    ("yaml",),
    expected="an emptyDir with medium Memory",
    why="The node's own /dev/shm is shared by all its pods and keeps what a killed job has left.",
    remedy="mount emptyDir: {medium: Memory} on /dev/shm",
    source=f"{KUBERNETES}/concepts/storage/volumes/#emptydir; {UPSTREAM}, FSDP manifests",
    bad=f"{_TRAIN}  volumes:\n    - name: shm\n      hostPath:\n        path: /dev/shm\n",
    at=12,
    good=f"{_TRAIN}  volumes:\n    - name: shm\n      emptyDir:\n        medium: Memory\n",
)
def host_shm(document: Document, _: Tree) -> Iterator[Hit]:
    for mapping in walk(document.manifest):
        if str(mapping.map("hostPath").get("path", "")).rstrip("/") == "/dev/shm":
            yield mapping.map("hostPath").line_of("path"), "hostPath /dev/shm"


@rule(
    "kubernetes.privileged",
    Verdict.WARN,
    ("yaml",),
    expected="the capabilities that are needed, such as IPC_LOCK",
    why="A privileged container owns its node. EFA and NCCL need no more than the device plugins give them.",
    remedy="remove privileged; add capabilities: {add: [IPC_LOCK]} if memory has to be locked",
    source=f"{KUBERNETES}/concepts/security/pod-security-standards",
    bad=f"{_TRAIN}      securityContext:\n        privileged: true\n",
    at=10,
    good=f"{_TRAIN}      securityContext:\n        capabilities:\n          add: [IPC_LOCK]\n",
)
def privileged(document: Document, _: Tree) -> Iterator[Hit]:
    if document.manifest and document.manifest.get("kind") == "DaemonSet":  # agents of the nodes need it
        return
    for container in document.containers:
        context: Any = container.spec.map("securityContext")
        if context.get("privileged") == "true":
            yield context.line_of("privileged"), f"container {container.spec.get('name')} is privileged"


@rule(
    "kubernetes.unknown-claim",
    Verdict.WARN,
    ("yaml",),
    expected="the name of a PersistentVolumeClaim that is defined here",
    why="A pod that names a claim which does not exist stays Pending.",
    remedy="use the claim's name",
    source=f"{UPSTREAM}: fsx-pvc, fsx-claim and fsx-pv for one claim",
    bad=f"{_TRAIN}  volumes:\n    - name: data\n      persistentVolumeClaim:\n        claimName: fsx-pvc\n"
    "---\napiVersion: v1\nkind: PersistentVolumeClaim\nmetadata:\n  name: fsx-claim\n",
    at=12,
    good=f"{_TRAIN}  volumes:\n    - name: data\n      persistentVolumeClaim:\n        claimName: fsx-claim\n"
    "---\napiVersion: v1\nkind: PersistentVolumeClaim\nmetadata:\n  name: fsx-claim\n",
)
def unknown_claim(document: Document, tree: Tree) -> Iterator[Hit]:
    for mapping in walk(document.manifest):
        name = mapping.map("persistentVolumeClaim").text("claimName")
        if name and tree.claims and name not in tree.claims and "$" not in name and "{" not in name:
            yield name.line, f"{name}, where {', '.join(sorted(tree.claims))} is defined"
