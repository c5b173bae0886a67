"""Rules about the volumes of pods: shared memory, and claims."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from seatrial.findings import Verdict
from seatrial.lint.documents import Document
from seatrial.lint.manifest import Container, Map, unseen, walk
from seatrial.lint.rules import Hit, Tree, gathered, rule

UPSTREAM = "awslabs/awsome-distributed-ai"
KUBERNETES = "https://kubernetes.io/docs"
GPU = "nvidia.com/gpu"
_KINDS = {"Pod", "Job", "CronJob", "Deployment", "StatefulSet", "ReplicaSet", "JobSet", "LeaderWorkerSet", "PyTorchJob"}
_KINDS |= {"MPIJob", "TFJob", "XGBoostJob", "PaddleJob", "JAXJob", "TrainingRuntime", "ClusterTrainingRuntime"}
"""Kinds whose pods get the volumes that are written, and no more. KubeRay, NVIDIA's NIM operator and Dynamo mount a
/dev/shm of their own (2026-11)."""
_TRIES = {"nvidia-smi", "sleep", "echo", "true", "ls", "env", "tail", "deviceQuery", "vectorAdd"}
"""Programs with which one tries whether a pod gets its GPUs."""
_POD = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: train\nspec:\n  containers:\n    - name: train\n"
_POD += "      image: registry.example.com/train:1.4.0\n"
_EIGHT = (
    _POD
    + "      command: [torchrun, --nproc_per_node=8, train.py]\n      resources:\n"
    + "        limits:\n          nvidia.com/gpu: 8\n"
)
_MEMORY = "  volumes:\n    - name: shm\n      emptyDir:\n        medium: Memory\n"
_CLAIM = "  volumes:\n    - name: data\n      persistentVolumeClaim:\n        claimName: {}\n"
_DEFINED = "---\napiVersion: v1\nkind: PersistentVolumeClaim\nmetadata:\n  name: fsx-claim\n"


@rule(
    "kubernetes.small-shm",
    Verdict.WARN,
    ("yaml",),
    expected="a memory-backed volume on /dev/shm where a container has several GPUs",
    why="A container has 64 MiB of shared memory. NCCL between its GPUs and the workers of data loaders need more, and "
    "die of Bus error or 'unable to allocate shared memory'.",
    remedy="mount emptyDir: {medium: Memory} on /dev/shm",
    source="https://docs.nvidia.com/deeplearning/nccl/user-guide/docs/troubleshooting.html, shared memory; "
    "https://docs.pytorch.org/docs/stable/multiprocessing.html",
    bad=_EIGHT,
    at=12,
    good=_EIGHT + "      volumeMounts:\n        - name: shm\n          mountPath: /dev/shm\n" + _MEMORY,
)
def small_shm(document: Document, _: Tree) -> Iterator[Hit]:
    kind = (document.manifest or Map()).get("kind")
    if kind not in _KINDS:
        return
    for container in document.containers:
        gpus = container.resource(GPU) or 0
        if gpus < 2 or container.image is None or not (kind == "MPIJob" or _trains(container)):
            continue  # without an image it is a patch; what workers of an MPIJob run stands in its launcher
        if reason := _too_small(container):
            yield container.spec.map("resources", "limits").line_of(GPU), f"{gpus} GPUs, and {reason}"


def _trains(container: Container) -> bool:
    """It says what it runs, and that is more than a try of whether the GPUs are there."""
    commands = container.script.commands if container.script else ()
    return any(command.name not in (*_TRIES, "bash", "sh") for command in commands)


def _too_small(container: Container) -> str:
    """Why a container's shared memory is small; empty if it is not, or if that cannot be known."""
    spec, pod = container.spec, container.pod
    if pod.get("hostIPC") == "true" or unseen(spec) or unseen(spec.get("volumeMounts")):
        return ""
    mounts = {str(one.get("mountPath", "")).rstrip("/"): one.get("name") for one in spec.items_of("volumeMounts")}
    if "/dev" in mounts or any("$" in path or "{" in path for path in mounts):
        return ""
    if "/dev/shm" not in mounts:
        return "no volume on /dev/shm: it has 64 MiB"
    for volume in pod.items_of("volumes"):
        if volume.get("name") == mounts["/dev/shm"] and "emptyDir" in volume:
            on_disk = volume.map("emptyDir").get("medium") is None and not unseen(volume["emptyDir"])
            return "the emptyDir on /dev/shm lies on the node's disk" if on_disk else ""
    return ""


@rule(
    "kubernetes.host-shm",
    Verdict.WARN,
    ("yaml",),
    expected="an emptyDir with medium Memory",
    why="The node's own /dev/shm is shared by all its pods and keeps what a killed job has left.",
    remedy="mount emptyDir: {medium: Memory} on /dev/shm",
    source=f"{KUBERNETES}/concepts/storage/volumes/#emptydir; {UPSTREAM}, FSDP manifests",
    bad=f"{_POD}  volumes:\n    - name: shm\n      hostPath:\n        path: /dev/shm\n",
    at=12,
    good=f"{_POD}{_MEMORY}",
)
def host_shm(document: Document, _: Tree) -> Iterator[Hit]:
    for mapping in walk(document.manifest):
        if str(mapping.map("hostPath").get("path", "")).rstrip("/") == "/dev/shm":
            yield mapping.map("hostPath").line_of("path"), "hostPath /dev/shm"


@gathered
def claims(document: Document) -> Iterator[tuple[Path, str]]:
    """Folder and name of each PersistentVolumeClaim that a manifest defines, lists of them included."""
    for one in walk(document.manifest) if "PersistentVolumeClaim" in document.text else ():
        if one.get("kind") == "PersistentVolumeClaim" and (name := one.map("metadata").text("name")):
            yield document.path.parent, str(name)


@gathered
def claim_templates(document: Document) -> Iterator[str]:
    """Names of templates of StatefulSets and the like, with which the names of the claims that they make begin."""
    for one in walk(document.manifest) if "volumeClaimTemplates" in document.text else ():
        yield from (str(item.map("metadata").get("name", "")) for item in one.items_of("volumeClaimTemplates"))


@rule(
    "kubernetes.unknown-claim",
    Verdict.WARN,
    ("yaml",),
    expected="the name of a PersistentVolumeClaim that is defined here",
    why="A pod that names a claim which does not exist stays Pending.",
    remedy="use the claim's name",
    source=f"{UPSTREAM}: fsx-pvc, fsx-claim and fsx-pv for one claim",
    bad=_POD + _CLAIM.format("fsx-pvc") + _DEFINED,
    at=12,
    good=_POD + _CLAIM.format("fsx-claim") + _DEFINED,
)
def unknown_claim(document: Document, tree: Tree) -> Iterator[Hit]:
    if "claimName" not in document.text:
        return
    defined = tree.all(claims)
    here = {name for folder, name in defined if folder == document.path.parent}
    if not here or any(_filled_in(name) for name in here):
        return
    made = tuple(f"{name}-" for name in tree.all(claim_templates))
    for one in walk(document.manifest):
        name = one.map("persistentVolumeClaim").text("claimName")
        if name is None or _filled_in(name) or name.startswith(made):
            continue
        if not any(name == other for _, other in defined):
            yield name.line, f"{name}, where {', '.join(sorted(here))} is defined"


def _filled_in(name: str) -> bool:
    return any(mark in name for mark in ("$", "{", "<", "__", "@", "%")) or name.isupper() or name.isdigit()
