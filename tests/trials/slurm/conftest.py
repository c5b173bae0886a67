"""Real clusters, started once: each test gets one without jobs, and whatever it does to the nodes is repaired."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.trials.slurm.harness import Slurm
from tests.trials.slurm.login import Login
from tests.trials.slurm.namespaced import NamespacedSlurm

COMMANDS = ("slurmctld", "slurmd", "sbatch", "munged", "gcc", "ip", "nsenter", "setpriv", "sshd", "ssh", "ssh-keygen")
SPANK = Path("/usr/include/slurm/spank.h")
NAMESPACES = ("unshare", "--mount", "--uts", "--net", "--pid", "--fork", "--mount-proc", "true")


def missing() -> str:
    """What the test bed needs and this machine lacks; empty if nothing."""
    path = f"{os.environ['PATH']}:/usr/sbin:/sbin"
    if absent := [command for command in COMMANDS if not shutil.which(command, path=path)]:
        return f"no {', '.join(absent)}"
    if not SPANK.exists():
        return f"no {SPANK}"
    if os.geteuid() != 0:
        return "not root"
    if subprocess.run(NAMESPACES, capture_output=True).returncode != 0:
        return "no right to make namespaces"
    return ""


@pytest.fixture(scope="session")
def requirements() -> None:
    if lack := missing():
        pytest.skip(f"a real Slurm cannot run here: {lack}")


@pytest.fixture(scope="session")
def slurm_cluster(requirements: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slurm]:
    with Slurm(tmp_path_factory.mktemp("slurm") / "cluster", pyxis=True, cloud=256) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def namespaced_cluster(requirements: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[NamespacedSlurm]:
    with NamespacedSlurm(tmp_path_factory.mktemp("namespaced") / "cluster", nodes=2) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def sshd(slurm_cluster: Slurm, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Login]:
    """The login node of the cluster that the fixture `slurm` gives."""
    with Login(tmp_path_factory.mktemp("sshd") / "login", slurm_cluster) as login:
        yield login


@pytest.fixture
def slurm(slurm_cluster: Slurm) -> Iterator[Slurm]:
    """Four nodes that say they are p5.48xlarge, with the options of pyxis; 256 more can be asked for."""
    yield slurm_cluster
    slurm_cluster.reset()


@pytest.fixture
def namespaced_slurm(namespaced_cluster: NamespacedSlurm) -> Iterator[NamespacedSlurm]:
    """Two nodes with a network of their own, for programs that train on CPUs."""
    yield namespaced_cluster
    namespaced_cluster.reset()
