"""docs/walkthrough_hyperpod_slurm.md, as it stands: moto's account, and behind its controller a real Slurm, whose nodes
say that they are m5.2xlarge with a thread a core. Fakes on the controller are apt-get, and the venvs; srun takes
HyperPod's --auto-resume by a plugin, and asks nobody."""

from __future__ import annotations

import json
import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.session import DOCS, ROOT, play
from tests.trials.architectures import aws_cli
from tests.trials.architectures.account import Account
from tests.trials.architectures.walkthrough import Cluster, environment, key, logged_in
from tests.trials.slurm.login import Login

CONTROLLER = "ubuntu@seatrial-mine"
OWN_KEY = re.compile(r"ssh-ed25519 AAAA\S+ ann@example\.com")
FAKES = {
    "apt-get": 'case "$*" in "update -qq" | "install -y -qq python3-venv") ;; *) exit 1 ;; esac',
    "python3": f"""
        [ "$*" = "-m venv /fsx/uv" ] || exec {sys.executable} "$@"
        mkdir -p /fsx/uv/bin
        cp "$FAKES/uv-pip" /fsx/uv/bin/pip
    """,
    "uv-pip": '[ "$*" = "install -q uv" ] && cp "$FAKES/uv" /fsx/uv/bin/uv',
    "uv": """
        case "$UV_PYTHON_INSTALL_DIR:$*" in
        "/fsx/python:venv -q --managed-python --python 3.12 /fsx/venv")
            mkdir -p /fsx/venv/bin && cp "$FAKES/venv-python" /fsx/venv/bin/python ;;
        ":pip install -q --python /fsx/venv/bin/python /fsx/src[train]")
            [ -x /fsx/venv/bin/python ] && grep -q "^train = " /fsx/src/pyproject.toml ;;
        *) exit 1 ;;
        esac
    """,
}


IN_TEXT = re.compile(r"`aws ((?:sagemaker|service-quotas) .+? .+?)`")
"""Commands that nobody runs here."""


class Nodes(Cluster):
    prefix = "ip-10-1-0-"
    hardware = "Sockets=1 CoresPerSocket=4 ThreadsPerCore=1 RealMemory=31129"


@pytest.fixture
def login(tmp_path: Path) -> Iterator[Login]:
    """The controller."""
    cluster = Nodes(tmp_path / "cluster", nodes=2, conf="PartitionName=cpu Nodes=ALL State=UP", pyxis=True)
    with logged_in(cluster, CONTROLLER, FAKES, tmp_path) as reached:
        yield reached


def test_the_page(aws: Account, login: Login, tmp_path: Path) -> None:
    text = (DOCS / "walkthrough_hyperpod_slurm.md").read_text(encoding="utf-8")
    for command in IN_TEXT.findall(text):
        aws_cli.parse(shlex.split(command))
    (example,) = OWN_KEY.findall(text)
    own = f"{key(login).with_suffix('.pub').read_text().strip()} ann@example.com"
    changes = {example: own, "-C ~/seatrial": f"-C {ROOT}"}
    env = environment(aws, login, tmp_path)
    done = play(DOCS / "walkthrough_hyperpod_slurm.md", tmp_path / "project", env=env, changes=changes)
    assert len(done) > 30
    assert settings(aws)["ssh_keys"] == [own]
    stacks = aws.client("cloudformation").describe_stacks()["Stacks"]
    left = aws.client("fsx").describe_file_systems()["FileSystems"]
    clusters = aws.client("sagemaker").list_clusters()["ClusterSummaries"]
    logs = aws.client("logs").describe_log_groups()["logGroups"]
    assert stacks == left == clusters == logs == []


def settings(aws: Account) -> dict[str, list[str]]:
    """What nodes were told, in the bucket, which is kept, as the page says."""
    s3 = aws.client("s3")
    (bucket,) = (one["Name"] for one in s3.list_buckets()["Buckets"])
    keys = [one["Key"] for one in s3.list_objects_v2(Bucket=bucket)["Contents"]]
    (found,) = (one for one in keys if one.endswith("/seatrial.json"))
    told: dict[str, list[str]] = json.loads(s3.get_object(Bucket=bucket, Key=found)["Body"].read())
    return told
