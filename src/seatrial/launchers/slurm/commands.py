"""What all calls to a Slurm share: where it is reached, where a run's folder is, what a refusal becomes."""

from __future__ import annotations

import shlex
import subprocess

from seatrial.cluster import Cluster
from seatrial.errors import Problem, UserError
from seatrial.launchers import _names
from seatrial.launchers.slurm import shell

LONGEST_NAME = 64
quote = shlex.quote


def engine_name(name: str) -> str:
    """The job's name in Slurm, and of its folder on the shared file system."""
    return _names.engine_name(name, longest=LONGEST_NAME)


def array_names(name: str, elements: int) -> list[str]:
    """The runs of a job array."""
    return [f"{name}-{element}" for element in range(elements)]


def folder(name: str, cluster: Cluster) -> str:
    """A run's folder on the shared file system."""
    return f"{(cluster.shared or '').rstrip('/')}/{engine_name(name)}"


def run(cluster: Cluster, script: str) -> subprocess.CompletedProcess[bytes]:
    """Run a script where Slurm's commands are."""
    return shell.run(script, cluster.options.reach, cluster.options.ssh_options)


def answer(cluster: Cluster, script: str) -> str:
    """What a script prints. Raises UserError with Slurm's own words if it fails."""
    done = run(cluster, script)
    if done.returncode == 0:
        return done.stdout.decode(errors="replace")
    raise refused(cluster, done)


def refused(cluster: Cluster, done: subprocess.CompletedProcess[bytes]) -> UserError:
    """A script that failed, in Slurm's own words."""
    lines = [line.removeprefix("sbatch: ") for line in done.stderr.decode(errors="replace").strip().splitlines()]
    what = "; ".join(line.removeprefix("error: ") for line in lines) or "Slurm's command failed without a word"
    return UserError(Problem(what, f"Slurm of cluster {cluster.name}", f"seatrial cluster check {cluster.name}"))
