"""docs/walkthrough_parallelcluster.md, as it stands: moto's account, and behind its head node a real Slurm.

moto's cluster has no instances. So a session of Systems Manager leads to the sshd of a Slurm on this machine, whose
nodes say that they are m5.2xlarge: ssh, its keys, sbatch and the run are real. On that head node fakes stand for what
would change this machine or fetch torch: apt-get, and the venv, which is this Python with the Seatrial that the page
sends there. The ssh of PATH is OpenSSH's, which would otherwise look for keys and settings in the caller's own home.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from seatrial.launchers.slurm import shell
from tests.docs.session import DOCS, ROOT, play
from tests.trials.architectures.account import Account
from tests.trials.architectures.aws_cli import PORT
from tests.trials.slurm.conftest import missing
from tests.trials.slurm.harness import Slurm
from tests.trials.slurm.login import Login

HEAD = "ubuntu@i-0123456789abcdef0"
"""Whom moto_types says the head node is."""
SHARED = Path("/fsx")

MACHINE = """
mount --bind "$1" /fsx
mount --bind "$2" /etc/passwd
shift 2
exec "$@"
"""
PYTHON = f'#!/bin/sh\nPYTHONPATH=/fsx/src/src OMP_NUM_THREADS=1 exec {sys.executable} "$@"\n'
FAKES = {
    "sudo": 'exec "$@"',
    "apt-get": 'case "$*" in "update -qq" | "install -y -qq python3-venv") ;; *) exit 1 ;; esac',
    "python3": f"""
        [ "$*" = "-m venv /fsx/venv" ] || exec {sys.executable} "$@"
        mkdir -p /fsx/venv/bin
        cp "$FAKES/venv-python" /fsx/venv/bin/python
        cp "$FAKES/venv-pip" /fsx/venv/bin/pip
    """,
    "venv-pip": '[ "$*" = "install -q /fsx/src[train]" ] && grep -q "^train = " /fsx/src/pyproject.toml',
}


class Cluster(Slurm):
    """Two m5.2xlarge, as far as Slurm can tell, whose /fsx is a folder of the test, and whose root is ubuntu."""

    prefix = "cpu-dy-"
    hardware = "Sockets=1 CoresPerSocket=4 ThreadsPerCore=2 RealMemory=31129"

    def machine(self, name: str, *command: str | Path) -> subprocess.Popen[bytes]:
        users = self.folder / "passwd"
        users.write_text(f"{Path('/etc/passwd').read_text()}ubuntu:x:0:0::/root:/bin/bash\n")
        (self.folder / "fsx").mkdir(exist_ok=True)
        return super().machine(name, "sh", "-ec", MACHINE, "sh", self.folder / "fsx", users, *command)


def scripts(folder: Path, texts: dict[str, str]) -> Path:
    folder.mkdir()
    for name, text in texts.items():
        (folder / name).write_text(text if text.startswith("#!") else f"#!/bin/sh\n{text}\n")
        (folder / name).chmod(0o755)
    return folder


@pytest.fixture
def login(tmp_path: Path) -> Iterator[Login]:
    """The head node."""
    if lack := missing():
        pytest.skip(f"a real Slurm cannot run here: {lack}")
    made = not SHARED.exists()
    SHARED.mkdir(exist_ok=True)  # empty: only the machines of the cluster see something there
    try:
        fakes = scripts(tmp_path / "fakes", {**FAKES, "venv-python": PYTHON})
        cluster = Cluster(tmp_path / "cluster", nodes=2, conf="PartitionName=cpu Nodes=ALL State=UP")
        cluster.env |= {"FAKES": str(fakes), "PATH": f"{fakes}:{cluster.env['PATH']}"}
        with cluster, Login(tmp_path / "login", cluster) as reached:
            yield reached
            closing = ["ssh", "-O", "exit", f"-oControlPath={shell.SOCKETS}/%C", HEAD]
            subprocess.run(closing, capture_output=True)
    finally:
        if made:
            SHARED.rmdir()


def test_the_page(aws: Account, login: Login, tmp_path: Path) -> None:
    key = login.config.with_name("user_key")
    known = f"-oUserKnownHostsFile={tmp_path}/known_hosts -oGlobalKnownHostsFile=none"
    programs = scripts(
        tmp_path / "programs",
        {
            "aws": f'PYTHONPATH={ROOT} exec {sys.executable} -m tests.trials.architectures.aws_cli "$@"',
            "ssh": f'exec /usr/bin/ssh -F "$HOME/.ssh/config" -i {key} -oIdentitiesOnly=yes {known} "$@"',
        },
    )
    env = {**aws.variables(tmp_path), PORT: str(login.port), "PATH": f"{programs}:{os.environ['PATH']}"}
    changes = {"~/.ssh/id_ed25519.pub": f"{key}.pub", "-C ~/seatrial": f"-C {ROOT}"}
    done = play(DOCS / "walkthrough_parallelcluster.md", tmp_path / "project", env=env, changes=changes)
    assert len(done) > 20
    stacks = aws.client("cloudformation").describe_stacks()["Stacks"]
    left = aws.client("fsx").describe_file_systems()["FileSystems"]
    assert [one["StackName"] for one in stacks] == left == []
    assert len(aws.client("s3").list_buckets()["Buckets"]) == 1  # kept, as the page says
