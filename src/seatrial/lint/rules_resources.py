"""Rules about numbers that have to agree: accelerators, EFA interfaces, processes and pods."""

from __future__ import annotations

import re
from collections.abc import Iterator

from seatrial.findings import Verdict
from seatrial.lint.documents import Document
from seatrial.lint.launch import Launch, launches
from seatrial.lint.manifest import Container, Map, instance_type
from seatrial.lint.pods import groups, kind, processes
from seatrial.lint.rules import Hit, Tree, rule

UPSTREAM = "awslabs/awsome-distributed-ai"
ACCELERATORS = ("nvidia.com/gpu", "aws.amazon.com/neuron", "aws.amazon.com/neurondevice")
EFA = "vpc.amazonaws.com/efa"


def _example(gpus: str, efa: str, processes: int = 8, workers: int = 2, nodes: int = 2) -> str:
    return f"""apiVersion: kubeflow.org/v1
kind: PyTorchJob
metadata:
  name: train
spec:
  pytorchReplicaSpecs:
    Worker:
      replicas: {workers}
      template:
        spec:
          nodeSelector:
            node.kubernetes.io/instance-type: p5.48xlarge
          containers:
            - name: pytorch
              image: registry.example.com/train:1.4.0
              command: [torchrun, --nnodes={nodes}, --nproc_per_node={processes}, train.py]
              resources:
                requests:
                  nvidia.com/gpu: 8
                limits:
                  nvidia.com/gpu: {gpus}
                  vpc.amazonaws.com/efa: {efa}
              volumeMounts:
                - name: shm
                  mountPath: /dev/shm
          volumes:
            - name: shm
              emptyDir:
                medium: Memory
"""


_GOOD = _example("8", "32")


def _accelerators(container: Container) -> tuple[str, int] | None:
    """The kind and number of accelerators that a container gets."""
    found = [(name, count) for name in ACCELERATORS if (count := container.resource(name)) is not None]
    return found[0] if found else None


def _limits(container: Container) -> Map:
    return container.spec.map("resources", "limits")


def _launches(container: Container) -> list[Launch]:
    return list(launches([container.script])) if container.script else []


@rule(
    "kubernetes.no-accelerator",
    Verdict.FAIL,
    ("yaml",),
    expected="a limit of nvidia.com/gpu or aws.amazon.com/neuron",
    why="A container sees only the devices that its limits name: without one, torchrun's ranks find no GPU.",
    remedy="add the limit",
    source="https://kubernetes.io/docs/tasks/manage-gpus/scheduling-gpus",
    bad=_example("8", "32")
    .replace("                  nvidia.com/gpu: 8\n", "")
    .replace("                requests:\n", ""),
    at=16,
    good=_GOOD,
)
def no_accelerator(document: Document, _: Tree) -> Iterator[Hit]:
    for container in document.containers:
        limits, instance = _limits(container), instance_type(container.pod)
        meant = EFA in limits or (instance is not None and instance.accelerators > 0 and not _on_cpus(container))
        if meant and not any(name.startswith(("nvidia.com/", "aws.amazon.com/neuron")) for name in limits):
            for launch in _launches(container):
                yield launch.line, f"{launch.program} on GPU nodes, and no limit gives it one"


def _on_cpus(container: Container) -> bool:
    words = [word.text for launch in _launches(container) for word in launch.words]
    words += [assignment.value or "" for assignment in container.environment]
    return any(re.search(r"\b(gloo|cpu)\b", word, re.IGNORECASE) for word in words)


@rule(
    "kubernetes.accelerator-count",
    Verdict.FAIL,
    ("yaml",),
    expected="no more accelerators than the instance type has, and as many processes",
    why="A pod that asks for more than any node has stays Pending; ranks beyond the limit find no device.",
    remedy="make the limit, --nproc_per_node and the instance type agree",
    source="https://docs.aws.amazon.com/ec2/latest/instancetypes/ac.html",
    bad=_example("16", "32", processes=16).replace("gpu: 8", "gpu: 16"),
    at=21,
    good=_GOOD,
)
def accelerator_count(document: Document, tree: Tree) -> Iterator[Hit]:
    trainers = [c for group in groups(document) for c in group.containers] if kind(document) == "TrainJob" else []
    for container in (*document.containers, *trainers):
        instance, asked = (instance_type(container.pod) or tree.instance), _accelerators(container)
        if asked is None:
            continue
        name, count = asked
        if instance and count > instance.accelerators and name != "aws.amazon.com/neuroncore":
            line = _limits(container).line_of(name)
            yield line, f"{count} x {name} of a {instance.name}, which has {instance.accelerators}"
        launched: list[Launch | None] = [*_launches(container)]
        for launch in launched or [None]:
            started = processes(document, container, launch)
            if name == "nvidia.com/gpu" and started and started[1] > count:
                yield started[0], f"{started[1]} processes on {count} GPUs"


@rule(
    "kubernetes.unequal-request",
    Verdict.FAIL,
    ("yaml",),
    expected="the same number in requests and limits",
    why="Devices cannot be overcommitted: the API server refuses a pod whose request is not its limit.",
    remedy="write the number in limits alone, or the same in both",
    source="https://kubernetes.io/docs/tasks/manage-gpus/scheduling-gpus",
    bad=_example("4", "32", processes=4),
    at=19,
    good=_GOOD,
)
def unequal_request(document: Document, _: Tree) -> Iterator[Hit]:
    for container in document.containers:
        for name in (*ACCELERATORS, EFA):
            limit, request = container.resource(name), container.resource(name, "requests")
            if request is not None and request != limit and (limit is not None or name not in _limits(container)):
                line = container.spec.map("resources", "requests").line_of(name)
                yield line, f"{request} x {name} requested, limit {limit if limit is not None else 'missing'}"


@rule(
    "kubernetes.efa-count",
    Verdict.WARN,
    ("yaml",),
    expected="every EFA interface of the instance with all of its GPUs",
    why="Fewer interfaces waste the network that all-reduce waits for; more leave the pod Pending.",
    remedy="ask for as many vpc.amazonaws.com/efa as the instance type has",
    source="https://docs.aws.amazon.com/eks/latest/userguide/node-efa.html",
    bad=_example("8", "4"),
    at=22,
    good=_GOOD,
)
def efa_count(document: Document, tree: Tree) -> Iterator[Hit]:
    for container in document.containers:
        instance, efa, asked = (
            (instance_type(container.pod) or tree.instance),
            container.resource(EFA),
            _accelerators(container),
        )
        if instance is None or efa is None:
            continue
        whole = asked is not None and asked[1] == instance.accelerators
        if efa > instance.efa_interfaces or (whole and efa < instance.efa_interfaces):
            yield _limits(container).line_of(EFA), f"{efa} of the {instance.efa_interfaces} of a {instance.name}"
