"""AWS Batch: a multi-node parallel job, one container on each EC2 instance.

A plan holds two requests that can also be sent by hand: ``job-definition.json``, what every node runs, which runs of
the same job share, and ``submit-job.json``, one run of it.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from seatrial.cluster import Cluster, LauncherOptions
from seatrial.errors import Problem, UserError
from seatrial.hardware import instances
from seatrial.job import Job
from seatrial.launchers import _hooks, _ranks
from seatrial.launchers._launcher import Engine, Launcher
from seatrial.launchers.batch import requests
from seatrial.launchers.batch.checks import check
from seatrial.launchers.batch.engine import cancel, lookup, standings, submit
from seatrial.launchers.batch.logs import collect
from seatrial.plan import Command, Plan

DEFINITION_BYTES = 24 * 1024
"""Longest job definition: https://docs.aws.amazon.com/batch/latest/userguide/service_limits.html"""
MAX_ATTEMPTS = 10
"""Of a job, the first one included: RetryStrategy in the AWS Batch API Reference."""
MIN_SECONDS = 60
"""Shortest time limit: JobTimeout in the AWS Batch API Reference."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Options(LauncherOptions):
    """Options of an AWS Batch cluster. None leaves it to AWS's own default."""

    queue: str = ""
    """Job queue, by name or ARN. Required."""
    region: str | None = None
    """AWS region. Default: the profile's, or AWS_REGION."""
    profile: str | None = None
    """AWS profile. Default: the environment's own credentials."""
    job_role_arn: str | None = None
    """IAM role that the programs have, for example to read S3."""
    execution_role_arn: str | None = None
    """IAM role that fetches the secrets. Needed where there are secrets."""
    secret_arns: Mapping[str, str] = field(default_factory=dict)
    """Variable, such as HF_TOKEN -> ARN of its secret in Secrets Manager or Parameter Store."""
    max_restarts: int = 2
    """Times that a job which keeps checkpoints on a shared folder is started again after a failure."""
    hang_seconds: float = _ranks.HANG_SECONDS
    """Seconds without a step after which the ranks write their stacks and end: longer than any step takes."""
    time_limit_seconds: int | None = None
    """Seconds after which an attempt is ended. Default: no limit."""
    efa_interfaces: int | None = None
    """EFA interfaces that the launch template attaches. Default: as many as the instance type takes."""
    log_group: str = requests.DEFAULT_LOG_GROUP
    """Group in CloudWatch Logs that the nodes log to."""
    share_identifier: str | None = None
    """Share that the job counts for. Needed where the queue has a fair-share policy, refused elsewhere."""
    scheduling_priority: int | None = None
    """Place among the jobs of its share: 0 to 9999, more is earlier."""
    tags: Mapping[str, str] = field(default_factory=dict)
    """Tags of the job and of its ECS tasks."""


def check_options(options: Options) -> Iterable[Problem]:
    """What is wrong with the options alone."""
    if not options.queue:
        yield Problem("is missing", "queue", "name the job queue; list them with: aws batch describe-job-queues")
    if not 0 <= options.max_restarts < MAX_ATTEMPTS:
        yield Problem(f"{options.max_restarts} is not from 0 to {MAX_ATTEMPTS - 1}", "max_restarts")
    if options.time_limit_seconds is not None and options.time_limit_seconds < MIN_SECONDS:
        yield Problem(f"{options.time_limit_seconds} is less than {MIN_SECONDS}", "time_limit_seconds")
    yield from _ranks.check_hang(options.hang_seconds)
    if options.efa_interfaces is not None and options.efa_interfaces < 0:
        yield Problem(f"{options.efa_interfaces} is less than 0", "efa_interfaces")
    if options.scheduling_priority is not None and not 0 <= options.scheduling_priority <= 9999:
        yield Problem(f"{options.scheduling_priority} is not from 0 to 9999", "scheduling_priority")
    for name in ("job_role_arn", "execution_role_arn"):
        value = getattr(options, name)
        if value is not None and not re.fullmatch(r"arn:[^:\s]+:iam::\d{12}:role/\S+", value):
            yield Problem(f"{value!r} is not the ARN of a role", name)
    for variable, arn in options.secret_arns.items():
        if not re.fullmatch(r"arn:[^:\s]+:(secretsmanager|ssm):\S+", arn):
            # The value is not repeated: somebody may have put the secret itself here.
            yield Problem("is not the ARN of a secret or parameter", f"secret_arns.{variable}")


def check_job(job: Job, cluster: Cluster) -> Iterable[Problem]:
    """What keeps this job from running on this cluster."""
    where = f"clusters.{cluster.name}"
    for problem in check_options(cluster.options):
        yield replace(problem, where=f"{where}.options.{problem.where}")
    if job.launch == "driver":
        yield Problem("a driver program needs Slurm", job.case, "run it on a cluster with Slurm, or locally")
    if job.launch == "mpi":
        why = "mpirun needs a way into the other nodes' containers, which Batch does not give"
        yield Problem(why, job.case, "run it on a cluster with Slurm, or on Kubernetes as an MPIJob")
    yield from _ranks.check_image(job, cluster)
    if cluster.instance_type is None:
        remedy = 'add the type of its instances, such as "p5.48xlarge": a job asks for all of one'
        yield Problem("is missing", f"{where}.instance_type", remedy)
    yield from _check_secrets(job, cluster.options, where)
    yield from _ranks.check_mounts(cluster)
    for mount in cluster.mounts:
        if not mount.source.startswith("/"):
            yield Problem(f"{mount.source!r} is no folder of the node", f"{where}.mounts", "begin it with a slash")
    for variable in cluster.environment:
        if variable.startswith("AWS_BATCH"):
            yield Problem("variables that begin with AWS_BATCH are Batch's own", f"{where}.environment.{variable}")


def render(job: Job, cluster: Cluster, name: str) -> Plan:
    """The two requests, and the commands that send them. Pure.

    Raises UserError with everything that keeps the job from running there.
    """
    problems = list(check_job(job, cluster))
    if problems:
        raise UserError(problems)
    definition = requests.job_definition(job, cluster, instances.instance(cluster.instance_type or ""))
    if len(json.dumps(definition)) > DEFINITION_BYTES:
        what = f"the job definition has {len(json.dumps(definition))} bytes, Batch takes {DEFINITION_BYTES}"
        raise UserError(Problem(what, f"clusters.{cluster.name}", _shorter(job)))
    request = requests.submission(job, cluster, name, definition["jobDefinitionName"])
    files = {requests.DEFINITION: definition, requests.SUBMISSION: request}
    return Plan(
        files={path: json.dumps(content, indent=2) + "\n" for path, content in files.items()},
        commands=(
            _command("register-job-definition", requests.DEFINITION, cluster.options),
            _command("submit-job", requests.SUBMISSION, cluster.options),
        ),
    )


def hooks(cluster: Cluster) -> Plan:
    """What looks at a node before a job begins there: Batch itself keeps none of its instances away. Pure."""
    return Plan(files={"before-a-job.sh": _hooks.before(cluster)})


def _shorter(job: Job) -> str:
    files = _ranks.files(job)
    if not files:
        return "shorten environment, mounts or settings"
    size = sum(len(text.encode()) for text in files.values())
    what = f"{len(files)} files with {size:,} bytes go with the job, compressed"
    return f"{what}: put them into the image, and name the program by its module or its path there"


def _command(verb: str, path: str, options: Options) -> Command:
    where = {"--region": options.region, "--profile": options.profile}
    words = [word for key, value in where.items() if value is not None for word in (key, value)]
    title = f"{verb}, from this folder"
    return Command(argv=("aws", "batch", verb, "--cli-input-json", f"file://{path}", *words), title=title)


def _check_secrets(job: Job, options: Options, where: str) -> Iterable[Problem]:
    for name in job.secrets:
        if name not in options.secret_arns:
            remedy = f"aws secretsmanager create-secret --name {shlex.quote(name)} ..., and give its ARN"
            yield Problem("no secret holds it", f"{where}.options.secret_arns.{name}", remedy)
    if job.secrets and options.execution_role_arn is None:
        remedy = "name a role that may read the secrets"
        yield Problem("is missing: the job has secrets", f"{where}.options.execution_role_arn", remedy)


LAUNCHER = Launcher(
    name="batch",
    Options=Options,
    executor=Engine(submit=submit, lookup=lookup, standings=standings, collect=collect, cancel=cancel),
    check_job=check_job,
    render=render,
    check=check,
    check_options=check_options,
    containers=("docker",),
    hooks=hooks,
    example=Path(__file__).with_name("example.toml"),
)
