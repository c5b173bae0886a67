"""Rules about jobs of Kubernetes whose number of pods may change."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from seatrial.findings import Verdict
from seatrial.lint.documents import Document
from seatrial.lint.launch import launches
from seatrial.lint.manifest import Map, integer
from seatrial.lint.rules import Hit, Tree, gathered, rule
from seatrial.lint.script import option

UPSTREAM = "awslabs/awsome-distributed-ai"
_FIXED_KINDS = {"Job", "JobSet", "TrainJob"}
"""Kinds that have no scale subresource: an autoscaler finds nothing to change (their CRDs, and the API, 2026-11)."""


def _example(replicas: int, least: int, more: str = "", nodes: str = "--nnodes=2") -> str:
    return f"""apiVersion: kubeflow.org/v1
kind: PyTorchJob
metadata:
  name: train
spec:
  elasticPolicy:
    minReplicas: {least}
    maxReplicas: 4
{more}  pytorchReplicaSpecs:
    Worker:
      replicas: {replicas}
      template:
        spec:
          containers:
            - name: pytorch
              image: registry.example.com/train:1.4.0
              command: [torchrun, {nodes}, train.py]
"""


_METRICS = "    metrics:\n      - type: Resource\n"


@rule(
    "kubernetes.autoscaled-job",
    Verdict.FAIL,
    ("yaml",),
    expected="a job of a fixed size without an autoscaler",
    why="elasticPolicy.metrics creates a HorizontalPodAutoscaler: on a job with a fixed --nnodes it adds pods that "
    "nobody waits for, or takes away pods that train.",
    remedy="remove metrics; or leave --nnodes out, so that torchrun takes the operator's PET_NNODES, which is a range",
    source=f"Kubeflow training operator, ElasticPolicy; {UPSTREAM}, FSDP manifests",
    bad=_example(2, 2, _METRICS),
    at=9,
    good=_example(2, 2, _METRICS, "--nnodes=2:4"),
)
def autoscaled_job(document: Document, tree: Tree) -> Iterator[Hit]:
    manifest = document.manifest or Map()
    policy = manifest.map("spec", "elasticPolicy")
    nodes = _fixed_nodes([document])
    if policy.get("metrics") and nodes:
        yield policy.line_of("metrics"), f"metrics makes an autoscaler for a job with --nnodes={nodes}"
    target = manifest.map("spec", "scaleTargetRef")
    kind, name = target.get("kind"), target.get("name")
    if manifest.get("kind") != "HorizontalPodAutoscaler" or not kind:
        return
    if kind in _FIXED_KINDS:
        yield target.line_of("kind"), f"an autoscaler for a {kind}, which cannot be scaled"
    for job, nodes in sorted(tree.all(fixed_jobs)):
        if kind == "PyTorchJob" and job == name:
            yield target.line_of("kind"), f"an autoscaler for {name}, which starts torchrun with --nnodes={nodes}"
            return


@gathered
def fixed_jobs(document: Document) -> Iterator[tuple[str, str]]:
    """Name of a PyTorchJob that starts torchrun with a fixed --nnodes, and these."""
    manifest = document.manifest or Map()
    if manifest.get("kind") == "PyTorchJob" and (nodes := _fixed_nodes([document])):
        yield str(manifest.map("metadata").get("name")), nodes


def _fixed_nodes(jobs: Iterable[Document]) -> str:
    """The --nnodes of the programs that the jobs start, where it is one number; empty: a range, none, or unknown.

    A variable is one number where it is the number of replicas, too.
    """
    found = []
    for job in jobs:
        worker = (job.manifest or Map()).map("spec", "pytorchReplicaSpecs", "Worker")
        for launch in launches(job.scripts):
            word = option(launch.words, "--nnodes")
            text = re.sub(r"[{}]", "", word.text) if word else ""
            same = "$" in text and text == re.sub(r"[{}]", "", str(worker.get("replicas")))
            found.append(text if text.isdigit() or same else "")
    return found[0] if found and all(found) else ""


@rule(
    "kubernetes.elastic-range",
    Verdict.WARN,
    ("yaml",),
    expected="minReplicas to maxReplicas around the replicas of the job",
    why="The operator tells torchrun to wait for minReplicas to maxReplicas pods: those above are turned away; with "
    "fewer than minReplicas nothing begins.",
    remedy="make the range hold the replicas",
    source=f"Kubeflow training operator, ElasticPolicy, PET_NNODES; {UPSTREAM}, FSDP manifests",
    bad=_example(8, 2, nodes="--max-restarts=3"),
    at=8,
    good=_example(4, 4, nodes="--max-restarts=3"),
)
def elastic_range(document: Document, _: Tree) -> Iterator[Hit]:
    spec = (document.manifest or Map()).map("spec")
    policy = spec.map("elasticPolicy")
    least, most = integer(policy.get("minReplicas")), integer(policy.get("maxReplicas"))
    replicas = integer(spec.map("pytorchReplicaSpecs", "Worker").get("replicas"))
    if replicas and most is not None and least is not None and not least <= replicas <= most:
        yield policy.line_of("maxReplicas"), f"{replicas} replicas outside of {least} to {most}"
