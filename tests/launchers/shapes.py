"""Neutral jobs and clusters, one for each shape of a job: what changes the text that a launcher renders.

A recipe changes names, numbers and job.json only, so no recipe is among them: tests/test_rendered.py renders those.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from seatrial.cluster import Cluster, Mount
from seatrial.job import Job
from seatrial.launchers import batch, kubernetes, local, slurm
from seatrial.spec import Expectations, Shipped

JOB = Job(
    case="pretend",
    recipe="small",
    title="two nodes",
    framework="none",
    fidelity="real",
    fidelity_note="",
    cluster="p4d",
    launcher="none",
    program="seatrial.cases.pretend.train",
    requires=(),
    launch="rank",
    resumable=True,
    device="cuda",
    nodes=2,
    processes_per_node=8,
    threads_per_process=12,
    args={"steps": 3},
    parameters=None,
    expectations=Expectations(),
    secrets=("HF_TOKEN",),
    digest="0123456789abcdef",
)
"""Two nodes with eight GPUs each, a secret, checkpoints."""
CPU_JOB = replace(JOB, cluster="cpu", device="cpu", processes_per_node=2, threads_per_process=4, secrets=())
FILES = {
    "mine.py": Shipped("0" * 64, "import json\n\nprint(json)\n"),
    "conf/a set.json": Shipped("1" * 64, '{"a": "$(B) \'c\' \\t"}\n\n'),
}
MINE = {"program": "mine.py", "files": FILES}
"""A case in a file, which goes with its job."""

P4D = Cluster(
    name="p4d",
    launcher="none",
    nodes=2,
    cpus_per_node=96,
    accelerators_per_node=8,
    processes_per_node=8,
    instance_type="p4d.24xlarge",
    shared="/fsx/seatrial",
    mounts=(Mount(source="/fsx", target="/fsx"), Mount(source="/opt/nvme", target="/nvme", read_only=True)),
    image="registry/seatrial:1",
    environment={"NCCL_DEBUG": "WARN"},
    stack={"efa_installer": "1.50.0", "aws_ofi_nccl": "1.21.1", "libfabric": "2.6.0", "nccl": "2.31.2"},
)
"""Mounts, one of them read-only, an image, a variable of the user's own."""
CPU = Cluster(name="cpu", launcher="none", nodes=2, cpus_per_node=8, processes_per_node=8, image="registry/seatrial:1")
"""Nothing is shared, and nothing is asked for."""
NEURON = {"device": "neuron", "cluster": "trn1", "processes_per_node": 32, "threads_per_process": 4}
TRN1 = {"name": "trn1", "instance_type": "trn1.32xlarge", "cpus_per_node": 128, "processes_per_node": 32}


@dataclass(frozen=True)
class Shape:
    """A job on a cluster."""

    job: Job
    cluster: Cluster
    like: str = ""
    """Another shape of the launcher: the golden file says what is different. Empty: it has the whole text."""


def shape(options: Any, where: Mapping[str, Any] | None = None, like: str = "", **job: Any) -> Shape:
    """The job for GPUs on the cluster with GPUs, both changed."""
    return Shape(replace(JOB, **job), replace(P4D, options=options, **(where or {})), like)


def cpu_shape(options: Any, where: Mapping[str, Any] | None = None, like: str = "", **job: Any) -> Shape:
    """The job for CPUs on the cluster without GPUs, both changed."""
    return Shape(replace(CPU_JOB, **job), replace(CPU, options=options, **(where or {})), like)


LOCAL = {
    "cpu": cpu_shape(local.Options(), nodes=1),
    "gpu": shape(local.Options(), nodes=1, processes_per_node=2),
    "file": cpu_shape(local.Options(), nodes=1, **MINE),
}

FSX = {"shared": "/fsx/seatrial"}
SLURM = {
    "tasks": shape(slurm.Options()),
    "torchrun": shape(slurm.Options(start="torchrun", gpus="gres", gpu_type="a100", exclusive=False), like="tasks"),
    "pyxis": shape(slurm.Options(auto_resume=True), {"container": "pyxis"}, like="tasks"),
    "docker": shape(slurm.Options(start="torchrun"), {"container": "docker"}, like="torchrun"),
    "node": cpu_shape(slurm.Options(), FSX, launch="node"),
    "driver": cpu_shape(slurm.Options(), FSX, like="node", launch="driver", resumable=False, program="/fsx/mine.py"),
    "neuron": shape(slurm.Options(gpus="none"), TRN1, like="tasks", **NEURON),
    "file": cpu_shape(slurm.Options(array=2), FSX, like="node", **MINE),
    "array": cpu_shape(
        slurm.Options(
            reach="ssh:me@head",
            ssh_options=("-p", "22"),
            partition="dev",
            account="team",
            qos="high",
            reservation="week",
            constraint="efa",
            nodelist="node-[1-4]",
            exclude="node-3",
            switches="1@30:00",
            dependency="singleton",
            time="2:00:00",
            array=3,
            comment="a-comment",
            memory="60G",
            stop_seconds=600,
            max_requeues=2,
            hang_seconds=600.0,
            max_restarts=5,
            sbatch=("--mail-type=END",),
        ),
        {**FSX, "cpus_per_node": 1},  # fewer than ranks
        like="file",
    ),
}

ALL_OF_KUBERNETES = {
    "context": "mine",
    "namespace": "team-a",
    "service_account": "trainer",
    "node_selector": {"example.com/pool": "x"},
    "tolerations": ("pool",),
    "priority_class": "high",
    "shared_memory_gib": 64,
    "time_limit_seconds": 3600,
    "max_restarts": 1,
    "hang_seconds": 600.0,
    "ttl_seconds_after_finished": 600,
    "topology": "topology.k8s.aws/network-node-layer-3",
}
KUBERNETES = {
    "jobset": shape(kubernetes.Options(kind="jobset", secret_name="hub")),
    "pytorchjob": shape(kubernetes.Options(kind="pytorchjob", hyperpod=True, secret_name="hub"), like="jobset"),
    "trainjob": shape(kubernetes.Options(kind="trainjob", secret_name="hub"), like="jobset"),
    "mpijob": shape(kubernetes.Options(kind="mpijob", secret_name="hub")),
    "hyperpodpytorchjob": shape(
        kubernetes.Options(
            kind="hyperpodpytorchjob",
            hyperpod=True,
            hyperpod_repair="reboot",
            secret_name="hub",
            start_minutes=7,
            hang_minutes=9,
        ),
        {"mounts": (Mount(source="claim", target="/fsx"),)},
        like="pytorchjob",
    ),
    "job": shape(kubernetes.Options(kind="job", secret_name="hub"), like="jobset"),
    "jobset-node": cpu_shape(kubernetes.Options(kind="jobset"), launch="node", program="/fsx/mine.py"),
    "jobset-neuron": shape(kubernetes.Options(kind="jobset", secret_name="hub"), TRN1, like="jobset", **NEURON),
    "job-kueue": cpu_shape(
        kubernetes.Options(kind="job", kueue_queue="team", topology_required=True, **ALL_OF_KUBERNETES)
    ),
    "pytorchjob-affinity": cpu_shape(
        kubernetes.Options(kind="pytorchjob", **ALL_OF_KUBERNETES), launch="node", nodes=1
    ),
    "jobset-file": cpu_shape(kubernetes.Options(kind="jobset"), like="jobset-node", **MINE),
    "mpijob-node": cpu_shape(kubernetes.Options(kind="mpijob"), like="mpijob", launch="node"),
}

QUEUE = {"queue": "training", "region": "us-east-1"}
SECRETS = {
    "execution_role_arn": "arn:aws:iam::123456789012:role/batch-execution",
    "secret_arns": {"HF_TOKEN": "arn:aws:secretsmanager:us-east-1:123456789012:secret:hf-token-AbCdEf"},
}
"""Options of Batch by which a job with the secret HF_TOKEN can run."""
M5 = {"instance_type": "m5.2xlarge"}
BATCH = {
    "gpu": shape(batch.Options(**QUEUE, **SECRETS)),
    "node": cpu_shape(batch.Options(**QUEUE), M5, launch="node", resumable=False, program="/fsx/mine.py"),
    "file": cpu_shape(batch.Options(**QUEUE), M5, like="node", **MINE),
    "neuron": shape(
        batch.Options(**QUEUE, **SECRETS, efa_interfaces=1),
        {"instance_type": "trn1.2xlarge", "cpus_per_node": 8},
        like="gpu",
        **NEURON,
    ),
    "options": cpu_shape(
        batch.Options(
            **QUEUE,
            profile="team",
            job_role_arn="arn:aws:iam::123456789012:role/trainer",
            max_restarts=1,
            hang_seconds=600.0,
            time_limit_seconds=3600,
            log_group="/ours",
            share_identifier="research",
            scheduling_priority=7,
            tags={"team": "a"},
        ),
        M5 | FSX | {"mounts": (Mount(source="/fsx", target="/fsx"),)},
        like="node",
    ),
}

SHAPES: dict[str, dict[str, Shape]] = {"local": LOCAL, "slurm": SLURM, "kubernetes": KUBERNETES, "batch": BATCH}
"""Launcher -> name of a shape -> the shape. What one is like stands before it."""
