"""docs/walkthrough_parallelcluster.md, as it stands: moto's account, and behind its head node a real Slurm, whose nodes
say that they are m5.2xlarge. Fakes on the head node are apt-get, and the venv."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.session import DOCS, ROOT, play
from tests.trials.architectures.account import Account
from tests.trials.architectures.walkthrough import Cluster, environment, key, logged_in
from tests.trials.slurm.login import Login

HEAD = "ubuntu@i-0123456789abcdef0"
"""Whom moto_types says the head node is."""
FAKES = {
    "apt-get": 'case "$*" in "update -qq" | "install -y -qq python3-venv") ;; *) exit 1 ;; esac',
    "python3": f"""
        [ "$*" = "-m venv /fsx/venv" ] || exec {sys.executable} "$@"
        mkdir -p /fsx/venv/bin
        cp "$FAKES/venv-python" /fsx/venv/bin/python
        cp "$FAKES/venv-pip" /fsx/venv/bin/pip
    """,
    "venv-pip": '[ "$*" = "install -q /fsx/src[train]" ] && grep -q "^train = " /fsx/src/pyproject.toml',
}


class Nodes(Cluster):
    prefix = "cpu-dy-"


@pytest.fixture
def login(tmp_path: Path) -> Iterator[Login]:
    """The head node."""
    cluster = Nodes(tmp_path / "cluster", nodes=2, conf="PartitionName=cpu Nodes=ALL State=UP")
    with logged_in(cluster, HEAD, FAKES, tmp_path) as reached:
        yield reached


def test_the_page(aws: Account, login: Login, tmp_path: Path) -> None:
    changes = {"~/.ssh/id_ed25519.pub": f"{key(login)}.pub", "-C ~/seatrial": f"-C {ROOT}"}
    env = environment(aws, login, tmp_path)
    done = play(DOCS / "walkthrough_parallelcluster.md", tmp_path / "project", env=env, changes=changes)
    assert len(done) > 20
    stacks = aws.client("cloudformation").describe_stacks()["Stacks"]
    left = aws.client("fsx").describe_file_systems()["FileSystems"]
    assert [one["StackName"] for one in stacks] == left == []
    assert len(aws.client("s3").list_buckets()["Buckets"]) == 1  # kept, as the page says
