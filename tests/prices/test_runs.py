"""What a job costs, or why nobody knows."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from seatrial.cluster import Cluster
from seatrial.prices import run_cost


@dataclass(frozen=True)
class Options:
    region: str | None = None


def cluster(kind="p5.48xlarge", region=None):
    return Cluster(
        name="mine", launcher="slurm", nodes=4, cpus_per_node=96, instance_type=kind, options=Options(region)
    )


def test_so_many_nodes_for_so_many_hours():
    found = run_cost(cluster(region="us-east-1"), 2, 3)
    assert found.hourly == pytest.approx(110.08) and found.total == pytest.approx(330.24)
    assert str(found) == "2 x p5.48xlarge: $110.08/h, $330.24 for 3 h (on demand, as of 2026-01-19)"


def test_without_hours_there_is_no_total():
    found = run_cost(cluster(), 2, region="us-west-2")
    assert found.total is None and str(found).startswith("2 x p5.48xlarge: $110.08/h (on demand, as of ")


@pytest.mark.parametrize(
    ("where", "region", "why"),
    [
        (cluster(), None, "which region cluster mine is in is not known"),
        (cluster(None), "us-east-1", "cluster mine has no instance_type"),
        (cluster("p5e.48xlarge"), "us-east-2", "no price of ec2/p5e.48xlarge in us-east-2 is known"),
        (cluster("ml.p5.48xlarge"), "us-east-1", "no price of sagemaker/ml.p5.48xlarge in us-east-1 is known"),
    ],
)
def test_what_is_unknown_says_why(where, region, why):
    found = run_cost(where, 2, 3, region=region)
    assert (found.hourly, found.total) == (None, None) and str(found).startswith(f"unknown: {why}")
