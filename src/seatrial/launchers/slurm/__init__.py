"""Slurm 22.05 or newer: AWS ParallelCluster, SageMaker HyperPod, or any other.

A plan is a folder that can be submitted by hand: ``job.sbatch`` asks for nodes, starts the ranks, restarts and
requeues them; ``start.sh`` is what each task runs. The folder must be on a file system that every node sees.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from seatrial import __version__
from seatrial.cluster import Cluster
from seatrial.errors import ExitCode, Problem, UserError
from seatrial.hardware import instances
from seatrial.job import PROGRAM, Job
from seatrial.launchers import _ranks
from seatrial.launchers._launcher import Element, Engine, Launcher
from seatrial.launchers.slurm.checks import check
from seatrial.launchers.slurm.commands import array_names, engine_name
from seatrial.launchers.slurm.engine import cancel, lookup, standings, submit
from seatrial.launchers.slurm.guard import GUARD
from seatrial.launchers.slurm.hooks import hooks
from seatrial.launchers.slurm.logs import collect
from seatrial.launchers.slurm.options import Options, check_options
from seatrial.plan import Command, Plan
from seatrial.templates import template
from seatrial.variables import of_every_rank


def check_job(job: Job, cluster: Cluster) -> Iterable[Problem]:
    """What keeps this job from running on this cluster."""
    where, options = f"cluster {cluster.name}", cluster.options
    yield from check_options(options)
    if cluster.shared is None:
        yield Problem("names no folder that all nodes share", where, 'add to seatrial.toml: shared = "/fsx/seatrial"')
    elif not re.fullmatch(r"/[^\s%\\]*", cluster.shared):
        yield Problem(f"{cluster.shared!r} must be absolute, without blanks, % or backslash", where)
    if cluster.container != "none":
        if cluster.software_for(job.environment).image is None:
            yield Problem(f"container = {cluster.container!r} but no image is named", where, 'add image = "..."')
        yield from _ranks.check_mounts(cluster)
    if cluster.container == "docker" and job.launch == "rank" and options.start == "tasks":
        yield Problem("a task in docker cannot see the others' GPUs", where, 'set options.start = "torchrun"')
    if cluster.container == "docker" and job.launch == "mpi":
        yield Problem("a task in docker is no process of srun's MPI program", where, 'set container = "pyxis"')
    if options.auto_resume and options.array:
        yield Problem("HyperPod cannot resume the tasks of an array", where, "leave out auto_resume or array")


def render(job: Job, cluster: Cluster, name: str) -> Plan:
    """job.sbatch and start.sh. Pure. Raises UserError with everything that keeps the job from running there."""
    problems = list(check_job(job, cluster))
    if problems:
        raise UserError(problems)
    options: Options = cluster.options
    tasks = job.launch == "mpi" or (job.launch == "rank" and options.start == "tasks")
    restartable = job.resumable
    script = template("seatrial.launchers.slurm", "job.sh.j2").render(
        job=job,
        version=__version__,
        site=_ranks.site(cluster),
        elements=[engine_name(element) for element in array_names(name, options.array or 0)],
        directives=_directives(job, cluster, name, job.processes_per_node if tasks else 1),
        driver=job.launch == "driver",
        own=["job.json", *([PROGRAM] if job.ships else [])],
        srun=_srun(job, cluster, tasks),
        # docker hands a signal to the container's first process, torchrun, which knows only SIGTERM
        signal="TERM" if cluster.container == "docker" else "USR1",
        stop_seconds=options.stop_seconds,
        max_restarts=options.max_restarts if restartable else 0,
        max_requeues=options.max_requeues if restartable else 0,
        stopped=ExitCode.STOPPED,
    )
    files = {"job.json": job.to_json(), "job.sbatch": script, "start.sh": _start(job, cluster, tasks)}
    files |= _ranks.planned(job)
    return Plan(files=files, commands=(Command(argv=("sbatch", "job.sbatch"), title="submit, from this folder"),))


def elements(name: str, cluster: Cluster) -> list[Element]:
    """The run of a job, or one for each task of a job array; a task is resumed alone."""
    if cluster.options.array is None:
        return [Element(name=name, cluster=cluster)]
    alone = replace(cluster, options=replace(cluster.options, array=None))
    tasks = enumerate(array_names(name, cluster.options.array))
    return [Element(name=task, cluster=alone, suffix=f"_{number}") for number, task in tasks]


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
    lines += _memory(options)
    lines += ["--overcommit"] if tasks_per_node > cluster.cpus_per_node else []
    lines += ["--requeue", f"--signal=B:USR1@{options.stop_seconds}"] if job.resumable else ["--no-requeue"]
    return [*lines, *options.sbatch]


def _gpus(job: Job, options: Options) -> list[str]:
    if job.device != "cuda" or options.gpus == "none":  # Trainium is no GRES: a node is asked for as a whole
        return []
    kind = f"{options.gpu_type}:" if options.gpu_type else ""
    asked = "gres=gpu:" if options.gpus == "gres" else "gpus-per-node="
    return [f"--{asked}{kind}{job.processes_per_node}"]


def _memory(options: Options) -> list[str]:
    """--exclusive alone gives all CPUs of a node, but of its memory only the partition's default."""
    if any(option.startswith("--mem") for option in options.sbatch):  # --mem-per-cpu, --mem-per-gpu: only one of them
        return []
    memory = options.memory or ("0" if options.exclusive else None)
    return [f"--mem={memory}"] if memory else []


def _srun(job: Job, cluster: Cluster, tasks: bool) -> list[str]:
    mpi = "pmix" if job.launch == "mpi" else "none"
    words = [f"--mpi={mpi}", "--kill-on-bad-exit=1", '--cpus-per-task="$SLURM_CPUS_PER_TASK"', "--open-mode=append"]
    words.append(f"--output=logs/{'rank-%t' if tasks else 'node-%n'}.log")
    if cluster.options.auto_resume and job.resumable:
        words.append("--auto-resume=1")
    if cluster.container == "pyxis":
        image = cluster.software_for(job.environment).image
        mounts = [":".join([m.source, m.target, *(["ro"] if m.read_only else [])]) for m in cluster.mounts]
        words += [f"--container-image={shlex.quote(image or '')}", "--no-container-mount-home"]
        words += [f"--container-mounts={shlex.quote(','.join(mounts))}", '--container-workdir="$PWD"']
    return words


def _start(job: Job, cluster: Cluster, tasks: bool) -> str:
    style = "tasks" if tasks else "torchrun" if job.launch == "rank" else job.launch
    what = {"tasks": "every rank", "torchrun": "every node", "node": "every node", "driver": "the first node"}
    variables = of_every_rank(job, cluster) | _ranks.watched(cluster.options.hang_seconds)
    if style in ("torchrun", "node"):  # a program that starts ranks may do it with torchrun
        variables |= _ranks.SHUTDOWN
    program, python = _ranks.program(job, PROGRAM), cluster.software_for(job.environment).python
    return template("seatrial.launchers.slurm", "start.sh.j2").render(
        job=job,
        site=_ranks.site(cluster),
        style=style,
        what=what[style],
        variables=variables,
        program=shlex.join([python, *program]),
        arguments=shlex.join(program),
        torchrun=shlex.join(_ranks.torchrun(job, cluster)),
        prefix=_docker(job, cluster, variables) if cluster.container == "docker" else "",
    )


def _docker(job: Job, cluster: Cluster, variables: Iterable[str]) -> str:
    """``docker run`` with the node's network, devices and the variables' names; values stay out of process lists."""
    words = ["docker", "run", "--rm", "--network=host", "--ipc=host", "--ulimit=memlock=-1"]
    instance = instances.instance(cluster.instance_type) if cluster.instance_type else None
    if job.device == "cuda":
        words.append("--gpus=all")
    if job.device != "cpu" and instance is not None:
        words += [f"--device=/dev/infiniband/uverbs{i}" for i in range(instance.efa_interfaces)]
    words += [f"--volume={m.source}:{m.target}{':ro' if m.read_only else ''}" for m in cluster.mounts]
    names = [*variables, *job.secrets, "SEATRIAL_RUN", "MASTER_ADDR", "MASTER_PORT", "NNODES", "NPROC_PER_NODE"]
    words += [f"--env={name}" for name in [*names, "NODE_RANK", "SLURM_NODEID"]]
    image = cluster.software_for(job.environment).image
    return f'{shlex.join(words)} --workdir="$PWD" {shlex.quote(image or "")} '


LAUNCHER = Launcher(
    name="slurm",
    Options=Options,
    executor=Engine(submit=submit, lookup=lookup, standings=standings, collect=collect, cancel=cancel),
    check_job=check_job,
    render=render,
    check=check,
    check_options=check_options,
    elements=elements,
    takes_secrets=True,  # by the environment of whoever starts the job
    containers=("none", "pyxis", "docker"),
    guard=GUARD,
    hooks=hooks,
    example=Path(__file__).with_name("example.toml"),
)
