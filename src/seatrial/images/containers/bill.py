"""The bill of materials of an image: what is in it, in which version, and where each thing came from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import seatrial
from seatrial import versions
from seatrial.images._image import Choice, Container
from seatrial.images.containers import locks
from seatrial.images.containers.choices import choose
from seatrial.images.containers.definitions import COMMAND, MACHINES, accelerator_lock, other_python


@dataclass(frozen=True, kw_only=True, slots=True)
class Item:
    """One thing in an image."""

    name: str
    version: str
    origin: str
    """Where it came from: an address, a lock, or what brings it."""
    purl: str
    """As https://github.com/package-url/purl-spec writes it."""


def items(container: Container, choice: Choice) -> list[Item]:
    """Everything that is known before it is built; what the system's packages bring is not. Raises UserError."""
    return [*_foundations(container, choice), *_packages(container, choice)]


def bom(container: Container, choice: Choice) -> list[dict[str, str]]:
    """The same as plain data."""
    return [asdict(item) for item in items(container, choice)]


def _foundations(container: Container, choice: Choice) -> Iterator[Item]:
    chosen = choose(container, choice)
    name, _, tag = chosen.base.rpartition(":")
    image = name.rpartition("/")[2]
    yield Item(
        name=name,
        version=tag,
        origin=chosen.reference,
        purl=f"pkg:oci/{image}@{chosen.digest.replace(':', '%3A')}?repository_url={name}&tag={tag}",
    )
    yield Item(
        name="seatrial",
        version=seatrial.__version__,
        origin="the files of whoever rendered it",
        purl=f"pkg:pypi/seatrial@{seatrial.__version__}",
    )
    if chosen.efa:
        yield _generic("aws-efa-installer", chosen.efa.version, versions.EFA.url.format(version=chosen.efa.version))
        brought = f"EFA installer {chosen.efa.version}"
        for part, version in (("libfabric", chosen.efa.libfabric), ("aws-ofi-nccl", chosen.efa.aws_ofi_nccl)):
            yield _generic(part, version or "unknown", brought)
    for source in chosen.sources.values():
        path = source.repository.removeprefix("https://github.com/").lower()
        yield Item(
            name=path.rpartition("/")[2],
            version=source.version,
            origin=f"{source.repository} at {source.commit}",
            purl=f"pkg:github/{path}@{source.commit}",
        )
    if other := other_python(container):
        build = versions.OTHER_PYTHON_BUILDS[other]
        yield _generic("python", build, f"uv {versions.UV}")


def _generic(name: str, version: str, origin: str) -> Item:
    return Item(name=name, version=version, origin=origin, purl=f"pkg:generic/{name}@{version}")


def _packages(container: Container, choice: Choice) -> Iterator[Item]:
    """Packages of Python, of every lock."""
    if container.lock is None:
        return
    own, other = versions.BASES[container.base].python, other_python(container)
    pythons = {COMMAND: own} if other else {}
    pythons |= {"torch-cpu": own} if container.stack == "cpu" else {}
    pythons |= {name: other or own for name in (accelerator_lock(container), container.lock) if name}
    for lock, python in pythons.items():
        assert python is not None, container.base
        for name, version in locks.installed(lock, python, MACHINES[choice.architecture]).items():
            yield Item(name=name, version=version, origin=f"lock {lock}", purl=f"pkg:pypi/{name}@{version}")


def sbom(container: Container, choice: Choice) -> dict[str, Any]:
    """What a lock does not say as CycloneDX 1.6: the test in the image adds what it finds installed."""
    foundations = [
        {"type": "library", "bom-ref": item.purl, "name": item.name, "version": item.version, "purl": item.purl}
        for item in _foundations(container, choice)
    ]
    subject = {"type": "container", "bom-ref": f"image/{container.name}", "name": container.name}
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": subject | {"version": seatrial.__version__}},
        "components": foundations,
    }
