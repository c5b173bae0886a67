"""docs/walkthrough_eks.md, as it stands: moto's account, and behind its cluster's name an API server of a test's own.

moto's cluster has no API server and no nodes. So what `aws eks update-kubeconfig` writes leads to that of eks_world:
its nodes are those that moto's node groups ask for, it holds what is installed to the kinds' schemas, and its pods are
processes, so that the run is real. kubectl, helm and docker are stand-ins; the image is this Python with this checkout.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.session import DOCS, ROOT, play
from tests.trials.architectures.account import Account
from tests.trials.architectures.aws_cli import API_SERVER
from tests.trials.architectures.eks_world import World
from tests.trials.architectures.tools import SHA256SUM


@pytest.fixture
def world(aws: Account, tmp_path: Path) -> Iterator[World]:
    """What the cluster consists of."""
    made = World(aws, tmp_path / "fsx")
    yield made
    made.close()


@pytest.mark.torch
@pytest.mark.slow
def test_the_page(aws: Account, world: World, tmp_path: Path) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    texts = {name: f"eks_programs {name}" for name in ("kubectl", "helm", "docker")} | {"aws": "aws_cli"}
    for name, module in texts.items():
        python = f'PYTHONPATH={ROOT}:{ROOT}/src exec {sys.executable} -m tests.trials.architectures.{module} "$@"'
        (programs / name).write_text(f"#!/bin/sh\n{python}\n")
    (programs / "sha256sum").write_text(SHA256SUM)
    for program in programs.iterdir():
        program.chmod(0o755)
    env = {
        **aws.variables(tmp_path),
        API_SERVER: world.url,
        "KUBECONFIG": str(tmp_path / "kubeconfig"),
        "PATH": f"{programs}:{os.environ['PATH']}",
    }
    done = play(DOCS / "walkthrough_eks.md", tmp_path / "project", env=env, changes={"~/seatrial": str(ROOT)})
    assert len(done) > 20
    stacks = aws.client("cloudformation").describe_stacks()["Stacks"]
    left = aws.client("fsx").describe_file_systems()["FileSystems"]
    assert [one["StackName"] for one in stacks] == left == aws.client("eks").list_clusters()["clusters"] == []
    assert len(aws.client("s3").list_buckets()["Buckets"]) == 1  # kept, as the page says
