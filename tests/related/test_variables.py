"""The network lint of the variables that a run's ranks had."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from seatrial.cluster import Cluster
from seatrial.events import EventLog, Timed
from seatrial.findings import Finding, Verdict
from seatrial.hardware import instances
from seatrial.related import variables
from seatrial.runs import Run
from seatrial.standing import Submission
from seatrial.variables import of_every_rank
from seatrial.versions import STACK
from tests.diagnose.made import left
from tests.stories import JOB, START, start, write_run

OLD = {"efa_installer": "1.20.0", "nccl": "2.18.1", "libfabric": "1.17.0", "aws_ofi_nccl": "1.5.0"}
FALLS_BACK = {"FI_PROVIDER": "tcp", "OMP_NUM_THREADS": "8"}


def told(root: Path, env: dict[str, str], cluster: Cluster | None = None, **changes: Any) -> list[Finding]:
    job = replace(JOB, device=changes.pop("device", "cuda"), nodes=2)
    begun = start(**{"backend": "nccl", "hosts": ["a", "b"], "variables": env} | changes)
    root.mkdir(exist_ok=True)
    run: Run = write_run(root, [(0.0, begun)], device=job.device)
    if cluster:
        run.save_submission(Submission(name="a", cluster=asdict(cluster)))
    log = EventLog(events=[Timed(START, begun)])
    return [one.finding for one in variables.of_run(run, replace(left(), job=job, log=log))]


def cluster(instance: str, **changes: Any) -> Cluster:
    return Cluster(name="p5", launcher="slurm", nodes=2, cpus_per_node=96, instance_type=instance, **changes)


def test_a_provider_that_is_not_efa_is_told_with_what_to_do(tmp_path: Path) -> None:
    [found] = told(tmp_path, FALLS_BACK, cluster("p5.48xlarge", stack=STACK))
    assert found.check.startswith("network.harmful.") and found.verdict is Verdict.FAIL
    assert found.scope == {"variable": "FI_PROVIDER"} and found.remedy
    assert found.evidence == "events.jsonl, run_start.variables"


def test_what_is_missing_on_such_nodes_is_told(tmp_path: Path) -> None:
    found = told(tmp_path, {"OMP_NUM_THREADS": "8"}, cluster("p4d.24xlarge", stack=OLD))
    assert {one.scope["variable"] for one in found} >= {"FI_EFA_USE_DEVICE_RDMA", "FI_PROVIDER"}
    assert {one.check for one in found} == {"network.missing"}


def test_on_one_node_nothing_is_missing(tmp_path: Path) -> None:
    assert told(tmp_path, {"OMP_NUM_THREADS": "8"}, cluster("p4d.24xlarge", stack=OLD), hosts=["a", "a"]) == []


@pytest.mark.parametrize(
    "changes", [{"variables": {}}, {"backend": "gloo"}, {"device": "cpu"}], ids=["none told", "gloo", "CPU"]
)
def test_ranks_that_read_none_or_told_none(tmp_path: Path, changes: dict[str, Any]) -> None:
    where = cluster("p4d.24xlarge", stack=OLD)
    assert told(tmp_path, FALLS_BACK, where) and told(tmp_path / "same", FALLS_BACK, where, **changes) == []


def test_whether_ranks_have_a_network_of_their_own_is_not_guessed(tmp_path: Path) -> None:
    """On hosts Docker's bridge has to be excluded as well, in pods there is none."""
    assert told(tmp_path, {"NCCL_SOCKET_IFNAME": "^lo"}, cluster("p5.48xlarge", stack=STACK)) == []


def test_a_version_that_is_none_is_no_evidence(tmp_path: Path) -> None:
    assert told(tmp_path, FALLS_BACK, cluster("p5.48xlarge", stack={"nccl": "newest"})) == []


@pytest.mark.parametrize("stack", [{}, STACK], ids=["unknown", "of the table"])
@pytest.mark.parametrize("pods", [True, False])
def test_what_jobs_are_given_is_never_blamed(tmp_path: Path, stack: dict[str, str], pods: bool) -> None:
    for instance in instances.INSTANCES:
        if instance.accelerator:
            where = cluster(instance.name, stack=stack)
            env = of_every_rank(replace(JOB, device="cuda"), where, pod_network=pods)
            assert told(tmp_path / instance.name, {name: one.value for name, one in env.items()}, where) == []
