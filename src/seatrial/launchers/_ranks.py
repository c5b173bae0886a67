"""What every rank of a job gets, whatever engine starts it: its variables, its program, its folder."""

from __future__ import annotations

import re
from collections.abc import Iterable

from seatrial import versions
from seatrial.cluster import Cluster
from seatrial.errors import Problem
from seatrial.image import mutable
from seatrial.job import PROGRAM, Job
from seatrial.network import Setting

HANG_SECONDS = 1500.0
"""Seconds without a step after which a rank hangs. Little less than the 30 minutes after which collectives of torch
give up by themselves: nothing is ended that would not end a little later, without stacks."""

PORT = 29400
"""TCP port of the rendezvous where every job has addresses of its own (pods, Batch nodes). torchrun's default."""

SHUTDOWN_SECONDS = 120
"""What ranks get to write a checkpoint after a request to stop, where torchrun passes it on. Its default is 30."""
SHUTDOWN = {"TORCH_ELASTIC_SHUTDOWN_TIMEOUT": Setting(str(SHUTDOWN_SECONDS), "seconds to write a checkpoint", "")}
"""How torchrun is told (torch 2.13)."""


def watched(hang_seconds: float) -> dict[str, Setting]:
    """How ranks are told to watch themselves: no engine does."""
    reason = "seconds without a step after which a rank writes its stacks and ends"
    return {"SEATRIAL_HANG_SECONDS": Setting(f"{hang_seconds:g}", reason, "")}


def check_hang(hang_seconds: float) -> Iterable[Problem]:
    """What is wrong with the option of that name."""
    if not hang_seconds >= 1:
        yield Problem(f"{hang_seconds:g} is less than 1", "hang_seconds")


def site(cluster: Cluster) -> str:
    """A comment by which `seatrial lint` knows where a launch file runs, as far as seatrial.toml does."""
    known = {"instance": cluster.instance_type, **cluster.stack}
    facts = [f"{name}={re.sub('[^a-zA-Z0-9._+~-]', '', value)}" for name, value in known.items() if value]
    return f"# seatrial: site[{' '.join(facts)}]" if facts else ""


def program(job: Job, folder: str) -> list[str]:
    """What follows ``python`` to run the job's program; `folder` is where the launcher puts the job's files."""
    profiler = ["-m", "seatrial.rank.nsys"] if job.profile and job.profile.tool == "nsys" else []
    if job.ships:
        return [*profiler, f"{folder}/{job.program}"]
    return [*profiler, *([job.program] if job.program.endswith(".py") else ["-m", job.program])]


def files(job: Job) -> dict[str, str]:
    """Relative path -> text of what the launcher must put there: nothing where the nodes have the program."""
    return {path: file.text or "" for path, file in job.files.items()} if job.ships else {}


def planned(job: Job) -> dict[str, str]:
    """The same as files of a plan."""
    return {f"{PROGRAM}/{path}": text for path, text in files(job).items()}


def torchrun(job: Job, cluster: Cluster) -> list[str]:
    """torchrun on one node, as far as it is the same on all of them: node rank and master's address follow.

    A static rendezvous: c10d's would compare host names, which costs a reverse look-up and fails where names differ.
    Where the case's environment has no torch, ours stands in for it.
    """
    module = "seatrial.rank.node" if job.environment in versions.WITHOUT_TORCH else "torch.distributed.run"
    scale = [f"--nnodes={job.nodes}", f"--nproc-per-node={job.processes_per_node}"]
    return [cluster.software_for(job.environment).python, "-m", module, *scale, "--max-restarts=0"]


def image_key(job: Job, cluster: Cluster) -> str:
    """Where seatrial.toml names, or should name, the image of a job."""
    own = cluster.software_for(job.environment).image != cluster.image
    return f"clusters.{cluster.name}.{f'software.{job.environment}.' if own else ''}image"


def check_image(job: Job, cluster: Cluster) -> Iterable[Problem]:
    """Where every job runs in a container: an image is named, and is the same one tomorrow."""
    where, image = image_key(job, cluster), cluster.software_for(job.environment).image
    if image is None:
        yield Problem("is missing: jobs run in containers there", where, 'image = "registry/name:tag", or its digest')
    elif reason := mutable(image):
        remedy = "name a digest (name@sha256:...) or a tag that is never moved"
        yield Problem(f"{image} {reason}: it may be another image tomorrow", where, remedy)


def check_mounts(cluster: Cluster) -> Iterable[Problem]:
    """A container must see the shared folder."""
    shared = f"{(cluster.shared or '').rstrip('/')}/"
    holding = [mount for mount in cluster.mounts if shared.startswith(f"{mount.target.rstrip('/')}/")]
    if cluster.shared and any(mount.read_only for mount in holding):
        yield Problem(
            f"{cluster.shared} is mounted read-only; runs are written there",
            f"clusters.{cluster.name}.mounts",
            "leave out :ro",
        )
    if cluster.shared and not holding:
        yield Problem(
            f"no mount brings {cluster.shared} into the container",
            f"clusters.{cluster.name}.mounts",
            f'add the file system that holds it, such as "{cluster.shared}:{cluster.shared}"',
        )
