"""Every image that there is, rendered for every processor that it is for."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from seatrial import catalog, versions
from seatrial.images._image import Architecture, Choice, Container
from seatrial.images.containers import FURTHER, definition, render
from seatrial.plan import Plan

DIGEST = f"sha256:{'0' * 64}"
COMMIT = "0" * 40


@cache
def containers() -> dict[str, Container]:
    further = {name: definition(catalog.case(case), name) for name, case in FURTHER.items()}
    return {case.name: definition(case) for case in catalog.cases()} | further


def needed(container: Container) -> Mapping[str, str]:
    """What must be given, since nobody wrote it down."""
    base = {"base.digest": DIGEST} if versions.BASES[container.base].digest is None else {}
    return base | {f"{name}.commit": COMMIT for name in container.checkouts if versions.CHECKOUTS[name].commit is None}


def choice(container: Container, architecture: Architecture = "x86_64") -> Choice:
    return Choice(settings=needed(container), architecture=architecture)


@cache
def rendered() -> dict[str, tuple[Container, Plan]]:
    """``fsdp-arm64`` -> image and build context."""
    return {
        f"{name}-{architecture}": (container, render(container, choice(container, architecture)))
        for name, container in containers().items()
        for architecture in container.architectures
    }
