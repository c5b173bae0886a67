"""All versions of this package as one table, for those who look for one, or for what is newer."""

from __future__ import annotations

import functools
import importlib
import pkgutil
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import seatrial.versions as package
from seatrial.versions import aws, containers, nodes, python
from seatrial.versions.eks import RELEASES, SOURCE
from seatrial.versions.pins import Checkout, Download, Pin

NAMES = {"EFA": "efa_installer"}
"""Constant -> what `seatrial check versions` calls it, where that is another word."""
HOMES: Mapping[str, str | None] = {
    "charts/kueue": "kubernetes-sigs/kueue",
    "charts/jobset": "kubernetes-sigs/jobset",
    "charts/kubeflow-trainer": "kubeflow/trainer",
    "charts/cert-manager": "cert-manager/cert-manager",
    "plugins/nvidia": "NVIDIA/k8s-device-plugin",
    "container_toolkit": "NVIDIA/nvidia-container-toolkit",
    "dcgm": "NVIDIA/DCGM",
    "manifests/training-operator": None,
    "manifests/hyperpod-charts": None,
}
"""Version -> the GitHub repository whose releases it follows, where that is not the one that is fetched; None: none."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One version of the table."""

    name: str
    """``torch``, ``efa_installer``; of what has several of a kind ``charts/kueue``."""
    table: str
    """Module of this package that holds it."""
    pin: Pin
    package: str | None = None
    """Its name on the index of Python packages, where it is asked for what is newer."""
    python: str = python.PYTHON
    """Python that a newer one has to run on."""

    @property
    def repository(self) -> str | None:
        """GitHub repository that tells its releases: ``NVIDIA/gdrcopy``; None: none is known."""
        if self.name in HOMES:
            return HOMES[self.name]
        pin = self.pin
        place = pin.repository if isinstance(pin, Checkout) else pin.url if isinstance(pin, Download) else ""
        found = re.match(r"https://github\.com/([\w.-]+/[\w.-]+)", place)
        return found[1] if found else None


@functools.cache
def entries() -> tuple[Entry, ...]:
    """Every version, by its name."""
    found = {entry.name: entry for entry in (*_pins(), *_packages(), *_software())}
    return tuple(found[name] for name in sorted(found))


def _pins() -> Iterator[Entry]:
    """What the modules hold as pins: by being there."""
    seen: set[int] = set()
    for info in pkgutil.iter_modules(package.__path__):
        for constant, value in vars(importlib.import_module(f"{package.__name__}.{info.name}")).items():
            if not constant.isupper() or constant.startswith("_"):
                continue
            for name, pin in _within(NAMES.get(constant, constant.lower()), value):
                if id(pin) not in seen:
                    seen.add(id(pin))
                    yield Entry(name=name, table=info.name, pin=pin)


def _within(name: str, value: object) -> Iterator[tuple[str, Pin]]:
    if isinstance(value, Pin):
        yield name, value
    elif isinstance(value, Mapping):
        for key, one in value.items():
            yield from _within(f"{name}/{key}", one)


# What stands in the modules as a text alone, since programs without Python read it, or its table has one source.
_SEEN = "2026-11"


def _packages() -> Iterator[Entry]:
    """Of indexes of packages, and Python itself."""
    for name, version in {**python.DIRECT, **python.FRAMEWORKS, **python.JAX, **_TOOLS}.items():
        yield _of_index(name, name, version)
    for name, version in python.PAXML.items():
        yield _of_index(f"paxml/{name}", name, version, python.OTHER_PYTHON["paxml"])
    yield _of_index("parallelcluster", "aws-parallelcluster", aws.PARALLELCLUSTER.version, table="aws")
    yield _text("axe-core", "python", python.AXE, "https://www.npmjs.com/package/axe-core")
    yield _text("python", "python", python.PYTHON, "the oldest supported")
    for name, version in containers.OTHER_PYTHON_BUILDS.items():
        yield _text(f"python-{name}", "containers", version, f"the newest that uv {python.UV} knows")


_TOOLS: Mapping[str, str] = {
    "mlflow": python.MLFLOW,
    "checkov": python.CHECKOV,
    "ansible-core": python.ANSIBLE_CORE,
    "ansible-lint": python.ANSIBLE_LINT,
}


def _software() -> Iterator[Entry]:
    """Of AWS and of nodes."""
    for name, (version, source) in aws.SERVICES.items():
        yield _text(name, "aws", version, source)
    bundle = nodes.EFA_INSTALLERS[nodes.EFA.version]
    for name in ("libfabric", "aws_ofi_nccl", "efa_driver"):
        if version := getattr(bundle, name):
            yield _text(name, "nodes", version, f"{nodes.EFA_CHANGELOG}, {nodes.EFA.version}")
    for name, version in {"neuron-sdk": nodes.NEURON_SDK, **nodes.NEURON}.items():
        yield _text(name, "nodes", version, nodes.NEURON_NOTES, newest="a newer SDK is out, whose torch is not 2.9")
    for kubernetes, release in RELEASES.items():
        for name, version in {**release.addons, **(release.hyperpod or {})}.items():
            yield _text(f"eks-{kubernetes}/{name}", "eks", version, SOURCE)


def _text(name: str, table: str, version: str, source: str, newest: str | None = None) -> Entry:
    return Entry(name=name, table=table, pin=Pin(version=version, source=source, seen=_SEEN, newest=newest))


def _of_index(name: str, on_index: str, version: str, runs_on: str = python.PYTHON, table: str = "python") -> Entry:
    pin = Pin(version=version, source=f"https://pypi.org/project/{on_index}/", seen=_SEEN)
    return Entry(name=name, table=table, pin=pin, package=on_index, python=runs_on)
