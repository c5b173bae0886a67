"""What a pin is: a version that somebody chose, who says that it exists, and what makes it the same file tomorrow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True, slots=True)
class Pin:
    """One version."""

    version: str
    source: str
    """Who says so."""
    seen: str
    """Month in which that was read: ``2026-11``."""
    newest: str | None = None
    """What is known to be newer, and why it is not taken; None: this was the newest that was seen."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Download(Pin):
    """A file that is fetched."""

    url: str
    """With ``{version}`` in it."""
    sha256: str | None
    """Of its bytes; None: nobody was found who wrote it down, so that whoever builds has to give it."""

    @property
    def address(self) -> str:
        """Where it is."""
        return self.url.format(version=self.version)


@dataclass(frozen=True, kw_only=True, slots=True)
class Chart(Download):
    """A Helm chart of an OCI registry, by the checksum of its archive."""

    oldest: str
    """Oldest Kubernetes that it works with."""
    tested: tuple[str, ...]
    """Versions of Kubernetes that its project tests it with."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Checkout(Pin):
    """A commit of a git repository. The commit's id is a hash of all that is in it."""

    repository: str
    commit: str | None
    """None: unknown, so that whoever builds has to give it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Repository:
    """A vendor's repository of packages. What it holds changes; who signs it does not."""

    url: str
    """With ``{system}`` and ``{architecture}`` in it, where there is one for each."""
    suite: str = ""
    """Of apt: ``{codename}``, or ``/`` where packages lie beside their list."""
    components: str = ""
    """Of apt."""
    key: str
    """URL of the key that signs it."""
    fingerprint: str
    """Of that key."""
    source: str
    seen: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Base(Pin):
    """A container image of somebody else."""

    name: str
    """With its registry: ``docker.io/library/ubuntu``."""
    digest: str | None
    """``sha256:...`` of the index or the manifest; None: unknown, so that whoever builds has to give it."""
    python: str | None = None
    """The Python that it brings, or that its archive has as python3; None: unknown."""

    @property
    def tagged(self) -> str:
        """``docker.io/library/ubuntu:24.04``, for people."""
        return f"{self.name}:{self.version}"

    @property
    def reference(self) -> str | None:
        """The image itself, whoever moves the tag; None: its digest is unknown."""
        return f"{self.tagged}@{self.digest}" if self.digest else None


@dataclass(frozen=True, kw_only=True, slots=True)
class EfaInstaller:
    """What a version of the EFA installer is, and brings."""

    libfabric: str
    aws_ofi_nccl: str
    efa_driver: str | None = None
    """None: unknown."""
    sha256: str | None = None
    """Of aws-efa-installer-VERSION.tar.gz; None: unknown."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Stack:
    """Versions that are known to fit together, and run together in an image or on a node."""

    title: str
    pins: Mapping[str, str] = field(default_factory=dict)
    """Component, as `seatrial check versions` calls it -> version. What is missing, it does not have or is unknown."""
    source: str
    """Why they fit."""
