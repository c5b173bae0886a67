"""Cluster: where jobs run, and what their processes find there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

Container = Literal["none", "pyxis", "docker"]
"""What runs an image on a node."""
ELSEWHERE = "elsewhere"
"""The cluster of a run that was not started by Seatrial: only its log is here."""


class LauncherOptions:
    """Base of a launcher's Options: a frozen dataclass, every field with a default and a string under it."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid", "use_attribute_docstrings": True}


@dataclass(frozen=True, kw_only=True, slots=True)
class Mount:
    """A folder that the processes of a job see."""

    source: str
    """Folder on the node; on Kubernetes the name of a PersistentVolumeClaim if it does not begin with a slash."""
    target: str
    """Folder that the processes see it as."""
    read_only: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Software:
    """What a job's processes find installed."""

    image: str | None
    """Container image, whole reference; None: no container."""
    python: str
    """Python on the node, or in the image, that has seatrial and the case's framework."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Cluster:
    """Where jobs run."""

    name: str
    launcher: str
    nodes: int
    """Nodes there are at most."""
    cpus_per_node: int
    memory_per_node: int | None = None
    """Bytes of a node's own memory; None: unknown."""
    accelerators_per_node: int = 0
    """Devices that a framework sees, so ranks that a node takes; 0: CPU only."""
    processes_per_node: int = 1
    """Processes that one node takes at most: its accelerators, or on CPU what is still sensible."""
    instance_type: str | None = None
    shared: str | None = None
    """Folder on a file system that all nodes share, as the processes see it; each run gets a folder in it.
    None: there is none, so checkpoints are not kept."""
    mounts: tuple[Mount, ...] = ()
    container: Container = "none"
    """What runs the image on a node. Kubernetes and Batch bring their own: there it is docker."""
    image: str | None = None
    """Container image, whole reference; None: no container."""
    python: str = "python3"
    """Python on the node, or in the image, that has seatrial and the case's framework."""
    software: Mapping[str, Software] = field(default_factory=dict)
    """Environment that a case asks for -> image and Python of its jobs, in place of the two above."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables that every rank gets on top of those that the job needs."""
    stack: Mapping[str, str] = field(default_factory=dict)
    """Versions on its nodes: efa_installer, libfabric, aws_ofi_nccl, nccl, kernel. What is missing is unknown."""
    options: Any = None
    """An instance of the launcher's Options."""

    def software_for(self, environment: str | None) -> Software:
        """Image and Python of the jobs whose case asks for that environment."""
        return self.software.get(environment or "") or Software(image=self.image, python=self.python)
