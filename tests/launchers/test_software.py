"""Every launcher starts a job with the software that the cluster has for its environment."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import pytest

from seatrial import catalog, launchers
from seatrial.binding import bind
from seatrial.cluster import Cluster, Mount, Software
from seatrial.config.checks import launcher_names
from seatrial.config.example import example
from seatrial.config.file import parse
from seatrial.job import Job

OWN = Software(image="pytorch:7", python="/pytorch/bin/python")

DEFAULT = Software(image="default:1", python="/default/bin/python")


def cluster_of(launcher: str, **changes: Any) -> Cluster:
    """The example of a launcher."""
    (found,) = parse(example(launcher), "f").values()
    return replace(found, **changes)


def rendered(job: Job, cluster: Cluster) -> str:
    plan = launchers.find(cluster.launcher).render(job, cluster, "run-1")
    return "\n".join(text for path, text in plan.files.items() if path != "job.json")


@pytest.mark.parametrize("launch", ["rank", "node"])
@pytest.mark.parametrize(
    ("launcher", "container"),
    [("slurm", "none"), ("slurm", "pyxis"), ("slurm", "docker"), ("kubernetes", "docker"), ("batch", "docker")],
)
def test_a_jobs_environment_decides_image_and_python(launcher: str, container: Any, launch: Any) -> None:
    mounts = (Mount(source="/fsx" if launcher != "kubernetes" else "claim", target="/fsx"),)
    cluster = cluster_of(launcher, container=container, mounts=mounts, image=DEFAULT.image, python=DEFAULT.python)
    if launcher == "slurm":
        cluster = replace(cluster, options=replace(cluster.options, start="torchrun"))
    both = replace(cluster, software={"pytorch": OWN})
    job = replace(bind(*catalog.recipe("cpu-ddp/two-node"), cluster), launch=launch)
    assert rendered(job, both) == rendered(job, cluster)
    text = rendered(replace(job, environment="pytorch"), both)
    assert "/pytorch/bin/python" in text and "/default/bin/python" not in text
    assert ("pytorch:7" in text) is (container != "none") and "default:1" not in text


@pytest.mark.parametrize("launcher", ["kubernetes", "batch"])
def test_an_image_that_moves_is_told_where_it_stands(launcher: str) -> None:
    moving = Software(image="pytorch:latest", python="python3")
    cluster = cluster_of(launcher, software={"pytorch": moving})
    job = bind(*catalog.recipe("cpu-ddp/two-node"), cluster)
    problems = launchers.find(launcher).check_job(replace(job, environment="pytorch"), cluster)
    assert [problem.where for problem in problems] == [f"clusters.{cluster.name}.software.pytorch.image"]


@pytest.mark.parametrize("launcher", launcher_names())
def test_a_cluster_that_was_stored_before_there_was_a_table_is_the_same(launcher: str) -> None:
    cluster = cluster_of(launcher)
    record = asdict(cluster)
    del record["software"]
    assert launchers.restore(record) == cluster
    stored = replace(cluster, software={"pytorch": OWN})
    assert launchers.restore(asdict(stored)) == stored
