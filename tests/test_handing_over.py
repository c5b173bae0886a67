"""The clusters of a deployment in seatrial.toml: written once, kept where somebody changed them."""

from __future__ import annotations

from pathlib import Path

import pytest

from seatrial import config
from seatrial.cluster import Cluster
from seatrial.config.handing_over import hand_over, yielded
from tests.architectures.deployments import deployment

OUTPUTS = {"ClusterName": "mine", "HeadNodeId": "i-0123456789abcdef0", "HeadNodeAddress": "10.0.0.9"}
QUEUES = (
    {"name": "gpu", "instance_type": "p5.48xlarge", "at_most": 4},
    {"name": "cpu", "instance_type": "hpc6a.48xlarge", "at_most": 2},
)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    return tmp_path


def clusters() -> list[Cluster]:
    return yielded(deployment("parallelcluster", {"queues": QUEUES}), OUTPUTS)


def test_each_queue_is_a_cluster_that_reads_back_equal(home):
    found = clusters()
    path, states = hand_over(found, replace=False)
    assert path == Path("seatrial.toml") and set(states.values()) == {"written"}
    assert {name: cluster for name, cluster in config.clusters().items() if name != "local"} == {
        cluster.name: cluster for cluster in found
    }
    assert [cluster.options.partition for cluster in found] == ["gpu", "cpu"]
    assert [cluster.instance_type for cluster in found] == ["p5.48xlarge", "hpc6a.48xlarge"]
    assert hand_over(found, replace=False)[1] == dict.fromkeys(states, "unchanged")


def test_what_somebody_changed_is_kept_until_it_is_replaced(home):
    hand_over(clusters(), replace=False)
    file = home / "seatrial.toml"
    changed = "# ours\n" + file.read_text().replace("nodes = 4\n", "nodes = 3  # one is broken\n")
    file.write_text(changed)
    first = clusters()[0].name
    assert hand_over(clusters(), replace=False)[1][first] == "kept"
    assert file.read_text() == changed
    assert hand_over(clusters(), replace=True)[1][first] == "written"
    assert config.cluster(first).nodes == 4 and "# ours" in file.read_text()


def test_a_bucket_yields_no_cluster(home):
    assert hand_over(yielded(deployment("s3"), {}), replace=False)[1] == {}
    assert not (home / "seatrial.toml").exists()
