"""The tables of seatrial.toml: keys, types, meanings. The JSON schema and the documents are made from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from seatrial.bounds import PLAIN, Bound, Count, Table, Word
from seatrial.cluster import Container

Folder = Annotated[str, Bound(pattern=rf"^/{PLAIN}*$")]
# Source, target, ro. A source that is no path is the name of a PersistentVolumeClaim: a DNS subdomain.
MountText = Annotated[
    str, Bound(pattern=r"^(/[^:\x00-\x1f\x7f]*|[a-z0-9]([a-z0-9.-]*[a-z0-9])?):/[^:\x00-\x1f\x7f]*(:ro)?$")
]
# No password stands in it, nor what would end an HTML attribute.
Url = Annotated[str, Bound(pattern=r"^https?://[^\s\x00-\x1f\x7f@\"<>]+$")]
VariableName = Annotated[str, Bound(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
VariableValue = Annotated[str, Bound(pattern=r"^[^\x00]*$")]
DeploymentName = Annotated[str, Bound(pattern=r"^[a-z][a-z0-9-]{0,31}$")]
ClusterName = Annotated[str, Bound(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]


@dataclass(frozen=True, kw_only=True, slots=True)
class StackTable(Table):
    """Versions on the nodes, or in the image. They decide which EFA and NCCL variables a job gets."""

    efa_installer: str | None = None
    """EFA installer, such as "1.50.0"."""
    libfabric: str | None = None
    """libfabric, such as "2.6.0amzn1.0"."""
    aws_ofi_nccl: str | None = None
    """AWS's NCCL plugin aws-ofi-nccl, such as "1.21.1"."""
    nccl: str | None = None
    """NCCL, such as "2.31.2-1"."""
    kernel: str | None = None
    """Linux, as uname -r prints it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SoftwareTable(Table):
    """Image and Python for jobs whose case asks for one environment. What is left out is the cluster's own."""

    image: Word | None = None
    """Container image with a tag or a digest, before which the cluster's registry is put, too; or the name of one of
    seatrial image list for that environment."""
    python: Word | None = None
    """Python on the node, or in the image, that has seatrial and the environment's packages."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ClusterTable(Table):
    """A cluster: where it is, what its nodes are, what a job gets there."""

    launcher: str
    """What starts jobs there: "slurm", "kubernetes" or "batch"."""
    nodes: Count
    """Nodes there are at most."""
    instance_type: str | None = None
    """EC2 instance type of its nodes, such as "p5.48xlarge", on SageMaker HyperPod "ml.p5.48xlarge". CPUs,
    accelerators and network cards follow from it."""
    cpus_per_node: Count | None = None
    """CPUs of one node. Default: those of its instance_type; fewer where hyper-threading is off (a p5.48xlarge then has
    96), or where the site keeps some for itself."""
    processes_per_node: Count | None = None
    """Processes that one node takes at most. Default: one for each device of its accelerators, or for each CPU."""
    shared: Folder | None = None
    """Folder on a file system that all nodes share, as the processes see it, such as "/fsx/seatrial". Each run gets
    a folder in it. Without it no checkpoint is kept."""
    mounts: tuple[MountText, ...] = ()
    """Folders that a container sees, as "source:target" or "source:target:ro", both absolute. On Kubernetes a source
    without a slash is the name of a PersistentVolumeClaim."""
    container: Container | None = None
    """What runs the image on a node. Slurm: "none" is the default, "pyxis" and "docker" are the others. Kubernetes
    and Batch bring their own: leave it out."""
    registry: Word | None = None
    """What the image's name is appended to with a slash, such as "123456789012.dkr.ecr.us-east-1.amazonaws.com"."""
    image: Word | None = None
    """Container image with a tag or a digest, such as "seatrial@sha256:...", or the name of one of seatrial image list,
    such as "fsdp": what was pushed or imported last. Kubernetes and Batch need one."""
    python: Word = "python3"
    """Python on the node, or in the image, that has seatrial and the framework."""
    software: Mapping[str, SoftwareTable] = field(default_factory=dict)
    """Another image or Python for the jobs of an environment that a case asks for, as a table for each: the names are
    those of seatrial env list."""
    environment: Mapping[VariableName, VariableValue] = field(default_factory=dict)
    """Variables that every rank gets on top of those that Seatrial sets. No secrets."""
    stack: StackTable = field(default_factory=StackTable)
    """Versions on its nodes, as a table. What is left out is unknown."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """What the launcher needs to know, as a table."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MlflowTable(Table):
    """Runs in MLflow."""

    uri: Word | None = None
    """Tracking server, such as "http://mlflow.example.com:5000", or a folder. No password stands in it. Default: that
    of MLFLOW_TRACKING_URI, or the folder mlflow in that of the runs."""
    experiment: str | None = None
    """Experiment that runs belong to. Default: that of MLFLOW_EXPERIMENT_NAME, or "seatrial"."""


@dataclass(frozen=True, kw_only=True, slots=True)
class WandbTable(Table):
    """Runs in Weights & Biases."""

    project: str | None = None
    """Project that runs belong to. Default: that of WANDB_PROJECT, or "seatrial"."""
    entity: str | None = None
    """User or team that the project belongs to. Default: that of WANDB_ENTITY, or the key's own."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TrackingTable(Table):
    """Where runs are tracked."""

    to: tuple[str, ...] = ()
    """Trackers that every run is sent to, unless --track says otherwise: "tensorboard", "mlflow", "wandb"."""
    mlflow: MlflowTable = field(default_factory=MlflowTable)
    """MLflow, as a table."""
    wandb: WandbTable = field(default_factory=WandbTable)
    """Weights & Biases, as a table."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ObserveTable(Table):
    """Where people look."""

    grafana: Url | None = None
    """Address of the Grafana that has the dashboards: reports and alerts lead there."""
    runbooks: Url | None = None
    """Where docs/alerts.md can be read: reports, alerts and dashboards lead there."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FileTable(Table):
    """seatrial.toml: the clusters that Seatrial can use, what it deploys, where runs are tracked, where people look."""

    clusters: Mapping[ClusterName, ClusterTable] = field(default_factory=dict)
    """One table for each cluster; its name is what --on takes."""
    architectures: Mapping[DeploymentName, Mapping[str, Any]] = field(default_factory=dict)
    """One table for each deployment, of the parameters of its architecture: the one of its name, or its key kind."""
    tracking: TrackingTable = field(default_factory=TrackingTable)
    """Where runs are tracked, as a table."""
    observe: ObserveTable = field(default_factory=ObserveTable)
    """Where people look, as a table."""
