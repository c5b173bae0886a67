"""Clusters that tests bind recipes to."""

from __future__ import annotations

from seatrial.spec import Cluster

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
