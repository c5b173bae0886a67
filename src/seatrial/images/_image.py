"""What an image is: software for machines, of one stack of versions. Plain data; nothing is asked of the world."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Architecture = Literal["x86_64", "arm64"]
"""Of processors, as `seatrial.hardware` calls them."""
Accelerator = Literal["gpu", "neuron", "cpu"]
Service = Literal["parallelcluster", "eks", "ec2"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Container:
    """A container image in which the jobs of a case run."""

    name: str
    """The case's, but for its second image."""
    title: str
    stack: str
    """One of seatrial.versions.STACKS."""
    base: str
    """One of seatrial.versions.BASES."""
    lock: str | None
    """What its Python has: an environment's lock, or the command's own; None: what the base brings."""
    environment: str | None
    """Environment whose jobs it can take, as `Case.environment` says."""
    requires: tuple[str, ...]
    """Importable modules without which its case cannot start."""
    checkouts: tuple[str, ...] = ()
    """Of seatrial.versions.CHECKOUTS."""
    programs: tuple[str, ...] = ()
    """That its case starts beside Python's, and that must be on PATH."""
    why: str = ""
    """Why it is not made like those of most cases; empty: it is."""
    architectures: tuple[Architecture, ...] = ("x86_64",)


@dataclass(frozen=True, kw_only=True, slots=True)
class Machine:
    """A machine image: an AMI."""

    name: str
    """``ami-parallelcluster-gpu``"""
    title: str
    service: Service
    accelerator: Accelerator
    stack: str
    systems: tuple[str, ...]
    """Operating systems that it is made for, as ParallelCluster spells them; the first is the default."""
    roles: tuple[str, ...]
    """Of `machines/roles`, in their order."""
    architectures: tuple[Architecture, ...] = ("x86_64",)


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """What a user chooses of an image."""

    settings: Mapping[str, str] = field(default_factory=dict)
    """``--set``: a component of the stack -> another version, ``efa_installer=1.51.0``; what pins its content ->
    ``efa_installer.sha256=...``, ``base.digest=sha256:...``."""
    architecture: Architecture = "x86_64"
    system: str | None = None
    """Operating system of a machine image; None: its default."""
