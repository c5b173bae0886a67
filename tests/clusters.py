"""Clusters that tests bind recipes to."""

from __future__ import annotations

from dataclasses import replace

from seatrial.cluster import Cluster
from seatrial.hardware import accelerators, instances
from seatrial.spec import Recipe

LOCAL = Cluster(name="local", launcher="local", nodes=1, cpus_per_node=2, processes_per_node=8)
P5 = Cluster(
    name="p5",
    launcher="slurm",
    nodes=256,
    cpus_per_node=192,
    accelerators_per_node=8,
    processes_per_node=8,
    instance_type="p5.48xlarge",
)


def for_recipe(recipe: Recipe, cluster: Cluster = P5) -> Cluster:
    """The cluster; of Trainium nodes, and with as many ranks, if the recipe is made for those."""
    instance = instances.instance(recipe.instance_type) if recipe.instance_type else None
    if not (instance and instance.accelerator and cluster.accelerators_per_node):
        return cluster
    if accelerators.accelerator(instance.accelerator).vendor == "NVIDIA":
        return cluster
    return replace(
        cluster,
        instance_type=instance.name,
        cpus_per_node=instance.vcpus,
        accelerators_per_node=instance.ranks,
        processes_per_node=instance.ranks,
    )
