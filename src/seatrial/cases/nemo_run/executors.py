"""NeMo-Run's executors for a cluster of seatrial.toml, for those who launch with NeMo-Run themselves.

Nodes, processes, variables and mounts are those that `seatrial render` gives the same job. Needs nemo_run; `skypilot`
its extra of that name. The code must be in the container: nothing is packed and sent.
"""

from __future__ import annotations

import shlex
from typing import Any

from seatrial.cluster import Cluster
from seatrial.errors import Problem, UserError
from seatrial.hardware import instances
from seatrial.job import Job
from seatrial.variables import of_every_rank


def slurm(job: Job, cluster: Cluster, *, folder: str, fault_tolerance: bool = False) -> Any:
    """A SlurmExecutor, to be used where sbatch is; `folder` gets its scripts and logs.

    `fault_tolerance`: ft_launcher of nvidia-resiliency-ext, which NeMo's container has, in place of torchrun; it starts
    ranks again within the job.
    """
    import nemo_run

    options = cluster.options
    gpus = job.processes_per_node if job.device == "cuda" else None
    plain = options.gpus == "gpus-per-node" and options.gpu_type is None
    kind = f"{options.gpu_type}:" if options.gpu_type else ""
    restarts = options.max_restarts if job.resumable else 0
    return nemo_run.SlurmExecutor(
        account=options.account or _missing("options.account", cluster, "NeMo-Run asks for one"),
        partition=options.partition,
        qos=options.qos,
        constraint=options.constraint,
        exclude=options.exclude,
        comment=options.comment,
        time=options.time or _missing("options.time", cluster, "NeMo-Run's default is 10 minutes"),
        nodes=job.nodes,
        ntasks_per_node=job.processes_per_node,  # of torchrun, which NeMo-Run starts once on each node
        gpus_per_node=gpus if plain else None,
        gres=f"gpu:{kind}{gpus}" if gpus and not plain and options.gpus != "none" else None,
        exclusive=options.exclusive or None,
        mem=options.memory or ("0" if options.exclusive else None),
        container_image=cluster.software_for(job.environment).image,
        container_mounts=[":".join([m.source, m.target, *(["ro"] if m.read_only else [])]) for m in cluster.mounts],
        srun_args=["--mpi=none", "--no-container-mount-home"],
        env_vars={name: shlex.quote(value) for name, value in variables(job, cluster).items()},
        launcher=nemo_run.FaultTolerance(max_restarts=restarts) if fault_tolerance else nemo_run.Torchrun(),
        retries=restarts,
        packager=nemo_run.Packager(),
        tunnel=nemo_run.LocalTunnel(job_dir=folder),
    )


def kubeflow(job: Job, cluster: Cluster) -> Any:
    """A KubeflowExecutor: a TrainJob of the Kubeflow Trainer. Reads the kubeconfig at once."""
    import nemo_run

    pairs = list(_volumes(cluster))
    efa = {} if job.device == "cpu" else _efa(cluster)
    return nemo_run.KubeflowExecutor(
        namespace=cluster.options.namespace,
        image=cluster.software_for(job.environment).image or _missing("image", cluster, "jobs run in containers there"),
        num_nodes=job.nodes,
        nprocs_per_node=job.processes_per_node,
        gpus_per_node=job.processes_per_node if job.device == "cuda" else None,
        extra_resource_requests=efa,
        extra_resource_limits=efa,
        volumes=[volume for volume, _ in pairs],
        volume_mounts=[mount for _, mount in pairs],
        tolerations=[{"key": key, "operator": "Exists"} for key in ("nvidia.com/gpu", *cluster.options.tolerations)],
        env_vars=variables(job, cluster, pod_network=True),
        launcher=nemo_run.Torchrun(),
        packager=nemo_run.Packager(),
    )


def skypilot(job: Job, cluster: Cluster) -> Any:
    """A SkypilotExecutor on Kubernetes, whose nodes carry SkyPilot's label of their accelerator."""
    import nemo_run

    return nemo_run.SkypilotExecutor(**skypilot_settings(job, cluster), launcher=nemo_run.Torchrun())


def skypilot_settings(job: Job, cluster: Cluster) -> dict[str, Any]:
    """What that executor is made of."""
    image = cluster.software_for(job.environment).image or _missing("image", cluster, "jobs run in containers there")
    instance_type = cluster.instance_type or _missing("instance_type", cluster, "it tells the GPU")
    pairs = list(_volumes(cluster))
    container = {"volumeMounts": [mount for _, mount in pairs], "resources": {"limits": _efa(cluster)}}
    spec = {"containers": [container], "volumes": [volume for volume, _ in pairs]}
    context = cluster.options.context
    return {
        "container_image": f"docker:{image}",
        "infra": f"k8s/{context}" if context else "k8s",
        "gpus": _sky_name(instance_type),
        "gpus_per_node": job.processes_per_node,
        "num_nodes": job.nodes,
        "env_vars": variables(job, cluster, pod_network=True),
        "cluster_config_overrides": {"kubernetes": {"pod_config": {"spec": spec}}},
    }


def _sky_name(instance_type: str) -> str | None:
    """SkyPilot's name of the accelerator: H100, A100-80GB."""
    name = instances.instance(instance_type).accelerator
    return name and name.removesuffix(" SXM").removesuffix(" 40GB").replace(" ", "-")


def plugins(job: Job, cluster: Cluster, *, fault_tolerance: bool = False) -> list[Any]:
    """NeMo's plugins: a checkpoint before the time limit, and restarts within the job. Imports NeMo."""
    from nemo.lightning.run.plugins import FaultTolerancePlugin, PreemptionPlugin

    options = cluster.options
    found: list[Any] = [PreemptionPlugin(preempt_time=options.stop_seconds)]
    if fault_tolerance:
        restarts = options.max_restarts if job.resumable else 0
        found.append(FaultTolerancePlugin(num_in_job_restarts=restarts, num_job_retries_on_failure=restarts))
    return found


def variables(job: Job, cluster: Cluster, *, pod_network: bool = False) -> dict[str, str]:
    """Those of every rank. Raises UserError for a name that NeMo-Run would change."""
    found = {name: setting.value for name, setting in of_every_rank(job, cluster, pod_network=pod_network).items()}
    small = [name for name in found if name != name.upper()]
    if small:
        raise UserError(Problem("NeMo-Run would write it in capitals", f"environment.{name}") for name in small)
    return found


def _volumes(cluster: Cluster) -> Any:
    """Each volume of a pod with its mount."""
    yield {"name": "shm", "emptyDir": {"medium": "Memory"}}, {"name": "shm", "mountPath": "/dev/shm"}
    for number, mount in enumerate(cluster.mounts):
        claim = {"persistentVolumeClaim": {"claimName": mount.source}}
        source = {"hostPath": {"path": mount.source}} if mount.source.startswith("/") else claim
        name, read_only = f"mount-{number}", {"readOnly": True} if mount.read_only else {}
        yield {"name": name, **source}, {"name": name, "mountPath": mount.target, **read_only}


def _efa(cluster: Cluster) -> dict[str, str]:
    """The EFA interfaces of a node."""
    interfaces = instances.instance(cluster.instance_type).efa_interfaces if cluster.instance_type else 0
    return {"vpc.amazonaws.com/efa": str(interfaces)} if interfaces else {}


def _missing(key: str, cluster: Cluster, why: str) -> Any:
    raise UserError(Problem(f"is missing: {why}", f"clusters.{cluster.name}.{key}", "add it to seatrial.toml"))
