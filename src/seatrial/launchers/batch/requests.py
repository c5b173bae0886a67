"""What AWS Batch is asked for: the job definition, and the submission of one run. Pure."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shlex
import zlib
from typing import TYPE_CHECKING, Any

from seatrial.cluster import Cluster
from seatrial.errors import ExitCode
from seatrial.hardware import accelerators, instances
from seatrial.job import Job
from seatrial.launchers import _ranks
from seatrial.launchers._names import engine_name
from seatrial.variables import of_every_rank

if TYPE_CHECKING:
    from seatrial.launchers.batch import Options

DEFINITION = "job-definition.json"
SUBMISSION = "submit-job.json"
LONGEST_NAME = 128
"""Of jobs and job definitions: RegisterJobDefinition and SubmitJob in the AWS Batch API Reference."""

DEFAULT_LOG_GROUP = "/aws/batch/job"
"""In CloudWatch Logs."""

ALL_NODES = "0:"
NODE_LOCAL = "/tmp/seatrial"
"""Holds the folder of a run where no file system is shared. It is gone with the container."""

# A multi-node job's containers have a network of their own (ECS network mode awsvpc). In it eth0 is the interface that
# the other nodes reach; ecs-eth0 is a link-local one for the ECS agent, which NCCL and gloo would otherwise find too.
# https://docs.aws.amazon.com/batch/latest/userguide/mnp-ce.html, agent/ecscni/types_linux.go of aws/amazon-ecs-agent
INTERFACE = "eth0"

# Batch tells the main node's address to all nodes but the main node itself. That one must not say 127.0.0.1: programs
# pass the address on to other nodes. Its host name resolves only in a VPC with DNS host names, so the kernel is asked
# which address it would send from. A datagram socket sends nothing by connecting; 192.0.2.1 is nobody's (RFC 5737).
# https://docs.aws.amazon.com/batch/latest/userguide/mnp-env-vars.html
OWN_ADDRESS = (
    "import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); "
    's.connect(("192.0.2.1", 9)); print(s.getsockname()[0])'
)

FILES = "SEATRIAL_FILES"
"""Variable with the files that go with a job. Batch gives a container no other way to get some."""
PROGRAM_FOLDER = "/tmp/seatrial-program"
"""Where a node unpacks them."""
UNPACK = """\
import base64, json, os, sys, zlib
for path, text in json.loads(zlib.decompress(base64.b64decode(os.environ["SEATRIAL_FILES"]))).items():
    path = os.path.join(sys.argv[1], path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8", newline="") as file:
        file.write(text)"""


def job_definition(job: Job, cluster: Cluster, instance: instances.Instance) -> dict[str, Any]:
    """RegisterJobDefinition's arguments. The name carries a hash of the content, so equal jobs share a definition."""
    options: Options = cluster.options
    content: dict[str, Any] = {
        "type": "multinode",
        "nodeProperties": {
            "numNodes": job.nodes,
            "mainNode": 0,
            "nodeRangeProperties": [{"targetNodes": ALL_NODES, "container": _container(job, cluster, instance)}],
        },
        "retryStrategy": _retries(job, cluster),
    }
    if options.time_limit_seconds is not None:
        content["timeout"] = {"attemptDurationSeconds": options.time_limit_seconds}
    mark = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]
    slug = re.sub(r"[^A-Za-z0-9_-]+", "-", f"seatrial-{job.case}-{job.recipe}")
    return {"jobDefinitionName": f"{slug[: LONGEST_NAME - 13]}-{mark}", **content}


def submission(job: Job, cluster: Cluster, name: str, definition: str) -> dict[str, Any]:
    """SubmitJob's arguments for the run of that name: only what differs between runs of the same job."""
    options: Options = cluster.options
    job_name = engine_name(name, longest=LONGEST_NAME)
    run = f"{(cluster.shared or NODE_LOCAL).rstrip('/')}/{job_name}"
    override = {"environment": [{"name": "SEATRIAL_RUN", "value": run}]}
    request: dict[str, Any] = {
        "jobName": job_name,
        "jobQueue": options.queue,
        "jobDefinition": definition,
        "nodeOverrides": {"nodePropertyOverrides": [{"targetNodes": ALL_NODES, "containerOverrides": override}]},
    }
    if options.share_identifier is not None:
        request["shareIdentifier"] = options.share_identifier
    if options.scheduling_priority is not None:
        request["schedulingPriorityOverride"] = options.scheduling_priority
    if options.tags:
        request |= {"tags": dict(sorted(options.tags.items())), "propagateTags": True}
    return request


def node_command(job: Job, cluster: Cluster) -> list[str]:
    """What every node runs. `exec` leaves no shell behind that would keep SIGTERM from torchrun."""
    python = cluster.software_for(job.environment).python
    own = shlex.join([python, "-c", OWN_ADDRESS])
    lines = ["set -eu", f"MASTER_ADDR=${{AWS_BATCH_JOB_MAIN_NODE_PRIVATE_IPV4_ADDRESS:-$({own})}}"]
    if job.launch == "rank":
        place = '--node-rank="$AWS_BATCH_JOB_NODE_INDEX" --master-addr="$MASTER_ADDR"'
        start = f"{shlex.join(_ranks.torchrun(job, cluster))} {place} --master-port={_ranks.PORT}"
    else:
        lines += [
            'NODE_RANK="$AWS_BATCH_JOB_NODE_INDEX"',
            f"NNODES={job.nodes} NPROC_PER_NODE={job.processes_per_node} MASTER_PORT={_ranks.PORT}",
            "export MASTER_ADDR MASTER_PORT NODE_RANK NNODES NPROC_PER_NODE",
        ]
        start = shlex.quote(python)
    if job.ships:
        lines.append(f"{shlex.join([python, '-c', UNPACK, PROGRAM_FOLDER])}; unset {FILES}")
    lines.append(f"exec {start} {shlex.join(_ranks.program(job, PROGRAM_FOLDER))}")
    return ["sh", "-c", "\n".join(lines)]


def efa_interfaces(options: Options, instance: instances.Instance) -> int:
    """EFA interfaces that a container gets: those that the launch template attaches."""
    return instance.efa_interfaces if options.efa_interfaces is None else options.efa_interfaces


def _container(job: Job, cluster: Cluster, instance: instances.Instance) -> dict[str, Any]:
    options: Options = cluster.options
    # AWS recommends to leave 5 % to the ECS agent and the system; what the kernel takes is in it as well:
    # https://docs.aws.amazon.com/batch/latest/userguide/ecs-reserved-memory.html
    memory_mib = instance.memory_mib * 95 // 100
    container: dict[str, Any] = {
        "image": cluster.software_for(job.environment).image,
        "command": node_command(job, cluster),
        "instanceType": instance.name,
        "resourceRequirements": _resources(job, cluster, instance, memory_mib),
        "environment": _environment(job, cluster),
        "linuxParameters": {
            "initProcessEnabled": True,  # reaps what the ranks leave behind
            "sharedMemorySize": memory_mib // 2,  # MiB; as large as Linux makes a tmpfs by itself, tmpfs(5)
            "devices": _devices(job, options, instance),
        },
        # NCCL and EFA register memory, which pins it; 64 MiB of stack is what NVIDIA's containers ask for:
        # https://docs.nvidia.com/deeplearning/frameworks/user-guide/
        "ulimits": [
            {"name": "memlock", "softLimit": -1, "hardLimit": -1},
            {"name": "stack", "softLimit": 67108864, "hardLimit": 67108864},
        ],
        "volumes": [{"name": f"mount-{i}", "host": {"sourcePath": m.source}} for i, m in enumerate(cluster.mounts)],
        "mountPoints": [
            {"sourceVolume": f"mount-{i}", "containerPath": m.target, "readOnly": m.read_only}
            for i, m in enumerate(cluster.mounts)
        ],
        "secrets": [{"name": name, "valueFrom": options.secret_arns[name]} for name in job.secrets],
        "jobRoleArn": options.job_role_arn,
        "executionRoleArn": options.execution_role_arn,
    }
    if options.log_group != DEFAULT_LOG_GROUP:  # which Batch makes by itself, if it is left to it
        container["logConfiguration"] = {"logDriver": "awslogs", "options": {"awslogs-group": options.log_group}}
    return {key: value for key, value in container.items() if value not in (None, [])}


def _resources(job: Job, cluster: Cluster, instance: instances.Instance, memory_mib: int) -> list[dict[str, str]]:
    # The whole instance: a multi-node job's container has it to itself anyway.
    found = {"VCPU": cluster.cpus_per_node, "MEMORY": memory_mib}
    if (
        job.device != "cpu"
        and instance.accelerator
        and accelerators.accelerator(instance.accelerator).vendor == "NVIDIA"
    ):
        found["GPU"] = instance.accelerators
    return [{"type": kind, "value": str(value)} for kind, value in found.items()]


def _devices(job: Job, options: Options, instance: instances.Instance) -> list[dict[str, str]]:
    if job.device == "cpu":
        return []
    paths = [f"/dev/infiniband/uverbs{i}" for i in range(efa_interfaces(options, instance))]
    if instance.accelerator and accelerators.accelerator(instance.accelerator).vendor == "AWS":
        paths += [f"/dev/neuron{i}" for i in range(instance.accelerators)]
    return [{"hostPath": path, "containerPath": path} for path in paths]


def _environment(job: Job, cluster: Cluster) -> list[dict[str, str]]:
    settings = of_every_rank(job, cluster, pod_network=True) | _ranks.SHUTDOWN
    settings |= _ranks.watched(cluster.options.hang_seconds)
    found = {
        "GLOO_SOCKET_IFNAME": INTERFACE,
        **({} if job.device == "cpu" else {"NCCL_SOCKET_IFNAME": INTERFACE}),
        **{name: setting.value for name, setting in settings.items()},
        "SEATRIAL_JOB": json.dumps(json.loads(job.to_json()), separators=(",", ":")),
        "SEATRIAL_PRINT_EVENTS": "1",
        **({FILES: _packed(job)} if job.ships else {}),
    }
    return [{"name": name, "value": value} for name, value in sorted(found.items())]


def _packed(job: Job) -> str:
    """The files that go with a job, as UNPACK reads them."""
    return base64.b64encode(zlib.compress(json.dumps(_ranks.files(job)).encode(), 9)).decode()


def _retries(job: Job, cluster: Cluster) -> dict[str, Any]:
    """When Batch starts all nodes again.

    It looks at the main node alone: the loss of another node shows there only as a failed collective, with the exit
    code of any failure of a program. So what is resumable is tried again, unless that is known to be of no use.
    https://docs.aws.amazon.com/batch/latest/userguide/job_retries.html
    """
    options: Options = cluster.options
    if not job.resumable or cluster.shared is None or options.max_restarts == 0:
        return {"attempts": 1}
    rules = [
        {"onStatusReason": "Host EC2*", "action": "RETRY"},  # the instance was lost
        {"onReason": "CannotPull*", "action": "EXIT"},  # the image is not there
        *({"onExitCode": str(code), "action": "EXIT"} for code in (ExitCode.USAGE, ExitCode.INVALID)),
    ]
    return {"attempts": 1 + options.max_restarts, "evaluateOnExit": rules}
