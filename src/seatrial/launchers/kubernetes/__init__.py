"""Kubernetes: a pod for each node, as a JobSet, PyTorchJob, TrainJob, MPIJob, HyperPodPyTorchJob or plain Job.

A plan is one manifest. It can be applied by hand; submitting it does the same, and finds it again by its run.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from seatrial.cluster import Cluster
from seatrial.errors import Problem, UserError
from seatrial.job import Job
from seatrial.launchers import _ranks
from seatrial.launchers._launcher import Engine, Launcher
from seatrial.launchers._names import engine_name
from seatrial.launchers.kubernetes.checks import check
from seatrial.launchers.kubernetes.engine import cancel, lookup, standings, submit
from seatrial.launchers.kubernetes.guard import GUARD
from seatrial.launchers.kubernetes.hooks import hooks
from seatrial.launchers.kubernetes.kinds import MANIFEST, objects
from seatrial.launchers.kubernetes.logs import collect
from seatrial.launchers.kubernetes.options import Options, check_options
from seatrial.launchers.kubernetes.pod import LONGEST_NAME, Work
from seatrial.launchers.kubernetes.writer import documents
from seatrial.plan import Command, Plan


def check_job(job: Job, cluster: Cluster) -> Iterable[Problem]:
    """What keeps this launcher from running this job on this cluster."""
    where = f"clusters.{cluster.name}"
    options: Options = cluster.options
    if job.launch == "driver":
        yield Problem("a driver program needs Slurm: here nobody would start its ranks", job.label)
    if job.launch == "mpi" and options.kind != "mpijob":
        remedy = 'take kind = "mpijob", for one run: --option kind=mpijob'
        yield Problem(f"no {options.kind} starts an MPI program", f"{where}.options.kind", remedy)
    if job.launch == "node" and options.kind == "hyperpodpytorchjob":
        remedy = 'take kind = "jobset" or kind = "job"'
        yield Problem("HyperPod's agent starts ranks; this program starts its own", f"{where}.options.kind", remedy)
    if job.device != "cpu" and cluster.instance_type is None:
        yield Problem(
            "what a pod may ask for is unknown", f"{where}.instance_type", "name the instance type of the nodes"
        )
    if job.secrets and options.secret_name is None:
        keys = " ".join(f"--from-literal={name}=..." for name in job.secrets)
        remedy = f'kubectl create secret generic seatrial {keys}; then secret_name = "seatrial"'
        yield Problem(f"{', '.join(job.secrets)} must come from a Secret", f"{where}.options.secret_name", remedy)
    if options.kind == "trainjob" and options.ttl_seconds_after_finished is not None:
        yield Problem("a TrainJob cannot delete itself", f"{where}.options.ttl_seconds_after_finished", "leave it out")
    yield from _ranks.check_image(job, cluster)
    yield from _ranks.check_mounts(cluster)


def render(job: Job, cluster: Cluster, name: str) -> Plan:
    """The manifest of a job. Pure. Raises UserError with everything that `check_job` finds."""
    problems = list(check_job(job, cluster))
    if problems:
        raise UserError(problems)
    work = Work(job=job, cluster=cluster, run=name, name=engine_name(name, longest=LONGEST_NAME))
    context = work.options.context
    choice = ("--context", context) if context else ()
    # Server-side, because the manifest may be longer than the annotation that a client-side apply would add.
    apply = ("kubectl", *choice, "apply", "--server-side", "--filename", MANIFEST)
    text = "\n".join(filter(None, (_ranks.site(cluster), documents(objects(work)))))
    return Plan(files={MANIFEST: text}, commands=(Command(argv=apply, title="submit"),))


LAUNCHER = Launcher(
    name="kubernetes",
    Options=Options,
    executor=Engine(submit=submit, lookup=lookup, standings=standings, collect=collect, cancel=cancel),
    check_job=check_job,
    render=render,
    check=check,
    check_options=check_options,
    containers=("docker",),
    mounts_claims=True,
    guard=GUARD,
    hooks=hooks,
    example=Path(__file__).with_name("example.toml"),
)
