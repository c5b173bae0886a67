"""Slurm 22.05 or newer: AWS ParallelCluster, SageMaker HyperPod, or any other.

A plan is a folder that can be submitted by hand: ``job.sbatch`` asks for nodes, starts the ranks, restarts and
requeues them; ``start.sh`` is what each task runs. The folder must be on a file system that every node sees.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from seatrial import __version__, hardware
from seatrial.errors import Problem, UserError
from seatrial.launchers import _ranks
from seatrial.launchers._slurm_engine import (
    array_names,
    cancel,
    check,
    collect,
    engine_name,
    lookup,
    standings,
    submit,
)
from seatrial.plan import Command, Plan
from seatrial.spec import Cluster, ExitCode, Job, LauncherOptions

if TYPE_CHECKING:
    from jinja2 import Template

__all__ = ["Options", "cancel", "check", "check_job", "collect", "lookup", "render", "standings", "submit"]

TAKES_SECRETS = True
"""Secrets go with the job, from the environment of whoever starts it."""

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
    auto_resume: bool = False
    """SageMaker HyperPod: replace faulty nodes and start the step again (srun --auto-resume=1)."""
    sbatch: tuple[str, ...] = ()
    """More options of sbatch: ["--mail-type=END"]."""


def check_options(options: Options) -> Iterable[Problem]:
    """What is wrong with the options alone."""
    if options.reach != "here" and not re.fullmatch(r"ssh:[^-\s][^\s]*", options.reach):
        yield Problem(f"{options.reach!r} is neither here nor ssh:USER@HOST", "reach")
    for name in ("array", "stop_seconds"):
        value = getattr(options, name)
        if value is not None and value < 1:
            yield Problem(f"{value} is less than 1", name)
    for name in ("max_requeues", "max_restarts"):
        if getattr(options, name) < 0:
            yield Problem(f"{getattr(options, name)} is less than 0", name)
    for name in _DIRECTIVES:
        value = getattr(options, name)
        if value is not None and not PLAIN.fullmatch(value):
            yield Problem(f"{value!r} cannot stand in a script: blanks, quotes, # or $", name)
    for value in options.sbatch:
        if not value.startswith("--") or not PLAIN.fullmatch(value):
            yield Problem(f"{value!r} is not an option of the form --name=value", "sbatch")


_DIRECTIVES = (
    "partition", "account", "qos", "reservation", "constraint", "nodelist", "exclude", "switches", "dependency",
    "time", "comment", "gpu_type",
)  # fmt: skip


def check_job(job: Job, cluster: Cluster) -> Iterable[Problem]:
    """What keeps this job from running on this cluster."""
    where, options = f"cluster {cluster.name}", cluster.options
    yield from check_options(options)
    if cluster.shared is None:
        yield Problem("names no folder that all nodes share", where, 'add to seatrial.toml: shared = "/fsx/seatrial"')
    elif not re.fullmatch(r"/[^\s%\\]*", cluster.shared):
        yield Problem(f"{cluster.shared!r} must be absolute, without blanks, % or backslash", where)
    if cluster.container != "none":
        if cluster.image is None:
            yield Problem(f"container = {cluster.container!r} but no image is named", where, 'add image = "..."')
        yield from _ranks.check_mounts(cluster)
    if cluster.container == "docker" and job.launch == "rank" and options.start == "tasks":
        yield Problem("a task in docker cannot see the others' GPUs", where, 'set options.start = "torchrun"')
    if options.auto_resume and options.array:
        yield Problem("HyperPod cannot resume the tasks of an array", where, "leave out auto_resume or array")


def render(job: Job, cluster: Cluster, name: str) -> Plan:
    """job.sbatch and start.sh. Pure. Raises UserError with everything that keeps the job from running there."""
    problems = list(check_job(job, cluster))
    if problems:
        raise UserError(problems)
    options: Options = cluster.options
    tasks = job.launch == "rank" and options.start == "tasks"
    restartable = job.resumable
    script = _template("slurm_job.sh.j2").render(
        job=job,
        version=__version__,
        elements=[engine_name(element) for element in array_names(name, options.array or 0)],
        directives=_directives(job, cluster, name, job.processes_per_node if tasks else 1),
        folders=_ranks.STATE_FOLDERS,
        driver=job.launch == "driver",
        srun=_srun(job, cluster, tasks),
        # docker hands a signal to the container's first process, torchrun, which knows only SIGTERM
        signal="TERM" if cluster.container == "docker" else "USR1",
        stop_seconds=options.stop_seconds,
        max_restarts=options.max_restarts if restartable else 0,
        max_requeues=options.max_requeues if restartable else 0,
        stopped=ExitCode.STOPPED,
    )
    files = {"job.json": job.to_json(), "job.sbatch": script, "start.sh": _start(job, cluster, tasks)}
    return Plan(files=files, commands=(Command(argv=("sbatch", "job.sbatch"), title="submit, from this folder"),))


def _directives(job: Job, cluster: Cluster, name: str, tasks_per_node: int) -> list[str]:
    options: Options = cluster.options
    given = {
        "job-name": engine_name(name),
        "nodes": job.nodes,
        "ntasks-per-node": tasks_per_node,
        "cpus-per-task": max(1, cluster.cpus_per_node // tasks_per_node),
        "partition": options.partition,
        "account": options.account,
        "qos": options.qos,
        "reservation": options.reservation,
        "constraint": options.constraint,
        "nodelist": options.nodelist,
        "exclude": options.exclude,
        "switches": options.switches,
        "dependency": options.dependency,
        "time": options.time,
        "array": f"0-{options.array - 1}" if options.array else None,
        "comment": options.comment,
        "output": "slurm-%A_%a.log" if options.array else "slurm-%j.log",  # a folder that is there: the script's own
        "open-mode": "append",
    }
    lines = [f"--{key}={value}" for key, value in given.items() if value is not None]
    lines += _gpus(job, options)
    lines += ["--exclusive"] if options.exclusive else []
    lines += ["--overcommit"] if tasks_per_node > cluster.cpus_per_node else []
    lines += ["--requeue", f"--signal=B:USR1@{options.stop_seconds}"] if job.resumable else ["--no-requeue"]
    return [*lines, *options.sbatch]


def _gpus(job: Job, options: Options) -> list[str]:
    if job.device != "cuda" or options.gpus == "none":  # Trainium is no GRES: a node is asked for as a whole
        return []
    kind = f"{options.gpu_type}:" if options.gpu_type else ""
    asked = "gres=gpu:" if options.gpus == "gres" else "gpus-per-node="
    return [f"--{asked}{kind}{job.processes_per_node}"]


def _srun(job: Job, cluster: Cluster, tasks: bool) -> list[str]:
    words = ["--mpi=none", "--kill-on-bad-exit=1", '--cpus-per-task="$SLURM_CPUS_PER_TASK"', "--open-mode=append"]
    words.append(f"--output=logs/{'rank-%t' if tasks else 'node-%n'}.log")
    if cluster.options.auto_resume and job.resumable:
        words.append("--auto-resume=1")
    if cluster.container == "pyxis":
        mounts = [":".join([m.source, m.target, *(["ro"] if m.read_only else [])]) for m in cluster.mounts]
        words += [f"--container-image={shlex.quote(cluster.image or '')}", "--no-container-mount-home"]
        words += [f"--container-mounts={shlex.quote(','.join(mounts))}", '--container-workdir="$PWD"']
    return words


def _start(job: Job, cluster: Cluster, tasks: bool) -> str:
    style = "tasks" if tasks else "torchrun" if job.launch == "rank" else job.launch
    what = {"tasks": "every rank", "torchrun": "every node", "node": "every node", "driver": "the first node"}
    variables = _ranks.variables(job, cluster)
    if style == "torchrun":
        variables |= _ranks.SHUTDOWN
    program = _ranks.program(job)
    return _template("slurm_start.sh.j2").render(
        job=job,
        style=style,
        what=what[style],
        variables=variables,
        program=shlex.join([cluster.python, *program]),
        arguments=shlex.join(program),
        torchrun=shlex.join(_ranks.torchrun(job, cluster)),
        prefix=_docker(job, cluster, variables) if cluster.container == "docker" else "",
    )


def _docker(job: Job, cluster: Cluster, variables: Iterable[str]) -> str:
    """``docker run`` with the node's network, devices and the variables' names; values stay out of process lists."""
    words = ["docker", "run", "--rm", "--network=host", "--ipc=host", "--ulimit=memlock=-1"]
    instance = hardware.instance(cluster.instance_type) if cluster.instance_type else None
    if job.device == "cuda":
        words.append("--gpus=all")
    if job.device != "cpu" and instance is not None:
        words += [f"--device=/dev/infiniband/uverbs{i}" for i in range(instance.efa_interfaces)]
    words += [f"--volume={m.source}:{m.target}{':ro' if m.read_only else ''}" for m in cluster.mounts]
    names = [*variables, *job.secrets, "SEATRIAL_RUN", "MASTER_ADDR", "MASTER_PORT", "NNODES", "NPROC_PER_NODE"]
    words += [f"--env={name}" for name in [*names, "NODE_RANK", "SLURM_NODEID"]]
    return f'{shlex.join(words)} --workdir="$PWD" {shlex.quote(cluster.image or "")} '


def _template(name: str) -> Template:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    loader = PackageLoader("seatrial.launchers")
    environment = Environment(
        loader=loader, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    # A line break in a comment would be a command.
    environment.filters |= {"quote": shlex.quote, "comment": lambda text: " ".join(text.split())}
    return environment.get_template(name)
