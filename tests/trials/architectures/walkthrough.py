"""What walk-throughs of Slurm clusters have behind their sessions of Systems Manager, since moto has no instances.

A session leads to the sshd of a Slurm on this machine: ssh, its keys, sbatch and the run are real. There, fakes stand
for what would change this machine or fetch torch. The ssh of PATH is OpenSSH's, which would otherwise look for keys and
settings in the caller's own home.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from seatrial.launchers.slurm import shell
from tests.docs.session import ROOT
from tests.trials.architectures.account import Account
from tests.trials.architectures.aws_cli import PORT
from tests.trials.slurm.conftest import missing
from tests.trials.slurm.harness import Slurm
from tests.trials.slurm.login import Login

SHARED = Path("/fsx")

MACHINE = """
mount --bind "$1" /fsx
mount --bind "$2" /etc/passwd
shift 2
exec "$@"
"""
PYTHON = f'#!/bin/sh\nPYTHONPATH=/fsx/src/src OMP_NUM_THREADS=1 exec {sys.executable} "$@"\n'
"""The venv's: this Python, with the Seatrial that a page sends there."""


class Cluster(Slurm):
    """m5.2xlarge, as far as Slurm can tell, whose /fsx is a folder of the test, and whose root is ubuntu."""

    hardware = "Sockets=1 CoresPerSocket=4 ThreadsPerCore=2 RealMemory=31129"

    def machine(self, name: str, *command: str | Path) -> subprocess.Popen[bytes]:
        users = self.folder / "passwd"
        users.write_text(f"{Path('/etc/passwd').read_text()}ubuntu:x:0:0::/root:/bin/bash\n")
        (self.folder / "fsx").mkdir(exist_ok=True)
        return super().machine(name, "sh", "-ec", MACHINE, "sh", self.folder / "fsx", users, *command)


def scripts(folder: Path, texts: Mapping[str, str]) -> Path:
    """A folder with programs: name -> text, for sh unless it says otherwise."""
    folder.mkdir()
    for name, text in texts.items():
        (folder / name).write_text(text if text.startswith("#!") else f"#!/bin/sh\n{text}\n")
        (folder / name).chmod(0o755)
    return folder


@contextmanager
def mount_point() -> Iterator[None]:
    """/fsx, empty: only the machines of a cluster see something there, until the folder is removed."""
    with Path(tempfile.gettempdir(), "seatrial-tests-fsx.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        made = not SHARED.exists()
        SHARED.mkdir(exist_ok=True)
        try:
            yield
        finally:
            with contextlib.suppress(BlockingIOError):  # another test process has a cluster, too
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if made:
                    SHARED.rmdir()


@contextmanager
def logged_in(cluster: Cluster, user: str, fakes: Mapping[str, str], folder: Path) -> Iterator[Login]:
    """Where sessions lead: the cluster's head, which `user`, as ssh names it, reaches. `fakes`: its programs."""
    if lack := missing():
        pytest.skip(f"a real Slurm cannot run here: {lack}")
    with mount_point():
        programs = scripts(folder / "fakes", {"sudo": 'exec "$@"', "venv-python": PYTHON, **fakes})
        cluster.env |= {"FAKES": str(programs), "PATH": f"{programs}:{cluster.env['PATH']}"}
        with cluster, Login(folder / "login", cluster) as reached:
            yield reached
            closing = ["ssh", "-O", "exit", f"-oControlPath={shell.SOCKETS}/%C", user]
            subprocess.run(closing, capture_output=True)


def key(login: Login) -> Path:
    """The private key that the head lets in."""
    return login.config.with_name("user_key")


def environment(aws: Account, login: Login, folder: Path) -> dict[str, str]:
    """What the page's shell has: the account, AWS's command line, and ssh with the key."""
    known = f"-oUserKnownHostsFile={folder}/known_hosts -oGlobalKnownHostsFile=none"
    programs = scripts(
        folder / "programs",
        {
            "aws": f'PYTHONPATH={ROOT} exec {sys.executable} -m tests.trials.architectures.aws_cli "$@"',
            "ssh": f'exec /usr/bin/ssh -F "$HOME/.ssh/config" -i {key(login)} -oIdentitiesOnly=yes {known} "$@"',
        },
    )
    return {**aws.variables(folder), PORT: str(login.port), "PATH": f"{programs}:{os.environ['PATH']}"}
