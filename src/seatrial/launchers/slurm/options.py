"""Options of a Slurm cluster."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from seatrial.cluster import LauncherOptions
from seatrial.errors import Problem
from seatrial.launchers import _ranks

PLAIN = re.compile(r"[A-Za-z0-9_.,:;@%+=/&|?()\[\]*-]+")
"""What may stand in a directive: sbatch splits at blanks and gives quotes and # a meaning."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Options(LauncherOptions):
    """Options of a Slurm cluster. None leaves it to Slurm's own default."""

    reach: str = "here"
    """Where its commands run: here, or ssh:USER@HOST."""
    ssh_options: tuple[str, ...] = ()
    """More arguments of ssh, such as ["-F", "/path/to/ssh_config"]."""
    partition: str | None = None
    """Partition."""
    account: str | None = None
    """Account that is charged."""
    qos: str | None = None
    """Quality of service."""
    reservation: str | None = None
    """Reservation to run in."""
    constraint: str | None = None
    """Features that the nodes must have."""
    nodelist: str | None = None
    """Nodes that the job must have."""
    exclude: str | None = None
    """Nodes that it must not have."""
    switches: str | None = None
    """Leaf switches at most, and how long to wait for them: 1@30:00."""
    dependency: str | None = None
    """What must be over first: afterok:123."""
    time: str | None = None
    """Time limit: 2:00:00."""
    array: int | None = None
    """Run the job this many times, as one job array; each is a run of its own."""
    comment: str | None = None
    """Comment of the job."""
    exclusive: bool = True
    """Whether the nodes are the job's alone."""
    memory: str | None = None
    """Memory of each node, such as 1500G; 0 is all of it. Default: 0 with exclusive, which alone would give a job no
    more than the partition's default; without it Slurm's own default."""
    gpus: Literal["gpus-per-node", "gres", "none"] = "gpus-per-node"
    """How GPUs are asked for: none where slurm.conf knows no GRES (Trainium, older HyperPod), gres for clusters
    without select/cons_tres."""
    gpu_type: str | None = None
    """Type of GRES where a node has several: h100."""
    start: Literal["tasks", "torchrun"] = "tasks"
    """What srun starts: one task a rank, or one torchrun a node."""
    stop_seconds: int = 300
    """Seconds before the time limit at which the ranks are asked for a checkpoint, and the job is requeued. Slurm
    looks about twice a minute, so it may be a minute less."""
    max_requeues: int = 10
    """Times that a job puts itself back into the queue before its time limit."""
    max_restarts: int = 1
    """Times that ranks are started again inside the allocation after one of them died."""
    hang_seconds: float = _ranks.HANG_SECONDS
    """Seconds without a step after which the ranks write their stacks and end: longer than any step takes."""
    auto_resume: bool = False
    """SageMaker HyperPod: replace faulty nodes and start the step again (srun --auto-resume=1)."""
    sbatch: tuple[str, ...] = ()
    """More options of sbatch: ["--mail-type=END"]."""


def check_options(options: Options) -> Iterable[Problem]:
    """What is wrong with the options alone."""
    if options.reach != "here" and not re.fullmatch(r"ssh:[^-\s][^\s]*", options.reach):
        yield Problem(f"{options.reach!r} is neither here nor ssh:USER@HOST", "reach")
    for name, least in {"array": 1, "stop_seconds": 1, "max_requeues": 0, "max_restarts": 0}.items():
        value = getattr(options, name)
        if value is not None and value < least:
            yield Problem(f"{value} is less than {least}", name)
    yield from _ranks.check_hang(options.hang_seconds)
    if options.memory is not None and mebibytes(options.memory) is None:
        yield Problem(f"{options.memory!r} is no amount of memory such as 1500G", "memory")
    for name in _DIRECTIVES:
        value = getattr(options, name)
        if value is not None and not PLAIN.fullmatch(value):
            yield Problem(f"{value!r} cannot stand in a script: blanks, quotes, # or $", name)
    for value in options.sbatch:
        if not value.startswith("--") or not PLAIN.fullmatch(value):
            yield Problem(f"{value!r} is not an option of the form --name=value", "sbatch")


def mebibytes(memory: str) -> int | None:
    """An amount of memory as sbatch reads it, in MiB; None if it is none."""
    found = re.fullmatch(r"(\d+)([KMGT]?)", memory)
    return int(found[1]) * 1024 ** "KMGT".index(found[2] or "M") // 1024 if found else None


_DIRECTIVES = (
    "partition", "account", "qos", "reservation", "constraint", "nodelist", "exclude", "switches", "dependency",
    "time", "comment", "gpu_type",
)  # fmt: skip
