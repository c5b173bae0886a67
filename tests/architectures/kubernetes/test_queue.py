"""The queue lets in what the launcher renders: a job on all nodes that there may be, and nothing more."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest

from seatrial.architectures._kubernetes import Inside
from seatrial.cluster import Cluster
from seatrial.hardware import instances
from seatrial.launchers.kubernetes.checks import quantity
from seatrial.launchers.kubernetes.pod import node_labels
from tests.architectures.kubernetes.samples import inside, of_kind
from tests.launchers.kubernetes import samples

KINDS = tuple(kind for kind in samples.KINDS if kind != "hyperpodpytorchjob")
"""Those that Kueue counts itself."""
TYPES = ("p4d.24xlarge", "p5.48xlarge", "p6-b300.48xlarge", "g5.xlarge", "trn1.32xlarge", "trn2.48xlarge")


def cluster(name: str, kind: str, nodes: int, **options: Any) -> Cluster:
    """The cluster that an architecture hands over for these nodes."""
    instance = instances.instance(name)
    size = {"nodes": nodes, "cpus_per_node": instance.vcpus, "accelerators_per_node": instance.ranks}
    size |= {"processes_per_node": instance.ranks}
    where = samples.for_kind(kind, gpu=True, namespace="seatrial", kueue_queue="seatrial", **options)
    return replace(where, instance_type=name, **size)


def pod_sets(document: dict[str, Any]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Count and spec of the pods that an object becomes, as Kueue counts them."""
    spec = document["spec"]
    if document["kind"] == "Job":
        yield spec["parallelism"], spec["template"]["spec"]
    for group in spec.get("replicatedJobs", spec.get("template", {}).get("spec", {}).get("replicatedJobs", [])):
        inner = group["template"]["spec"]
        yield group["replicas"] * inner["parallelism"], inner["template"]["spec"]
    for group in {**spec.get("pytorchReplicaSpecs", {}), **spec.get("mpiReplicaSpecs", {})}.values():
        yield group["replicas"], group["template"]["spec"]


def asked(where: Cluster) -> dict[str, Fraction]:
    """All that a job on all nodes asks for."""
    job = replace(samples.job(samples.cluster(gpu=True)), nodes=where.nodes)  # whose program does not matter here
    total: dict[str, Fraction] = {}
    for document in samples.documents(where, job):
        if document["kind"] in ("ConfigMap", "Service", "TrainJob"):  # the runtime beside a TrainJob has its pods
            continue
        for count, pod in pod_sets(document):
            for name, amount in pod["containers"][0]["resources"]["requests"].items():
                total[name] = total.get(name, Fraction(0)) + count * quantity(str(amount))
    return total


def quotas(what: Inside, flavour: str) -> dict[str, Fraction]:
    [group] = of_kind(what, "ClusterQueue")["seatrial"]["spec"]["resourceGroups"]
    [found] = (one for one in group["flavors"] if one["name"] == flavour)
    return {one["name"]: quantity(one["nominalQuota"]) for one in found["resources"]}


@pytest.mark.parametrize("name", TYPES)
@pytest.mark.parametrize("kind", KINDS)
def test_a_job_on_all_nodes_fits_and_one_on_more_does_not(kind, name):
    left = quotas(inside("c5.4xlarge", name, kind=kind), name)
    fits = asked(cluster(name, kind, 4))
    assert fits and set(fits) <= set(left)
    assert all(amount <= left[resource] for resource, amount in fits.items())
    more = asked(cluster(name, kind, 5))
    assert all(more[resource] > left[resource] for resource in fits)


def test_nothing_of_a_node_is_left_out_of_the_quota():
    """But for mpirun's own pod the quota is what a job on all nodes asks for, to the last MiB."""
    assert quotas(inside("p5.48xlarge"), "p5.48xlarge") == asked(cluster("p5.48xlarge", "jobset", 4))


def test_as_many_mpi_jobs_as_nodes_fit_at_once():
    left = quotas(inside("p5.48xlarge", kind="mpijob"), "p5.48xlarge")
    one = asked(cluster("p5.48xlarge", "mpijob", 1))
    assert all(4 * amount <= left[resource] for resource, amount in one.items())


def test_two_groups_of_a_type_share_a_flavour():
    what = inside("p5.48xlarge", "p5.48xlarge")
    assert quotas(what, "p5.48xlarge") == asked(cluster("p5.48xlarge", "jobset", 8))
    assert list(of_kind(what, "ResourceFlavor")) == ["p5.48xlarge"]


@pytest.mark.parametrize("hyperpod", [False, True])
def test_a_flavour_has_the_labels_that_the_pods_ask_for(hyperpod):
    what = inside("p5.48xlarge", hyperpod=hyperpod)
    labels = of_kind(what, "ResourceFlavor")["p5.48xlarge"]["spec"]["nodeLabels"]
    assert labels.items() <= node_labels(cluster("p5.48xlarge", "jobset", 4, hyperpod=hyperpod)).items()


def test_pods_are_placed_by_the_layers_that_the_launcher_names():
    what = inside("p5.48xlarge", topology=True)
    [topology] = of_kind(what, "Topology").values()
    levels = [one["nodeLabel"] for one in topology["spec"]["levels"]]
    where = cluster("p5.48xlarge", "jobset", 4, topology="topology.k8s.aws/network-node-layer-3")
    [job] = (one for one in samples.documents(where) if one["kind"] == "JobSet")
    template = job["spec"]["replicatedJobs"][0]["template"]["spec"]["template"]
    assert template["metadata"]["annotations"]["kueue.x-k8s.io/podset-preferred-topology"] in levels
    assert levels[-1] == "kubernetes.io/hostname"  # Kueue wants it last
    flavour = of_kind(what, "ResourceFlavor")["p5.48xlarge"]["spec"]
    assert flavour["topologyName"] == topology["metadata"]["name"]
    assert not of_kind(inside(), "Topology") and "topologyName" not in of_kind(inside(), "ResourceFlavor").popitem()[1]


def test_only_the_namespace_of_jobs_may_use_the_queue():
    queue = of_kind(inside(), "ClusterQueue")["seatrial"]["spec"]
    assert queue["namespaceSelector"] == {"matchLabels": {"kubernetes.io/metadata.name": "seatrial"}}
    local = of_kind(inside(), "LocalQueue")["seatrial"]
    assert local["metadata"]["namespace"] == "seatrial" and local["spec"] == {"clusterQueue": "seatrial"}
