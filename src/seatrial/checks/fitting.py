"""Versions that somebody chose, held against the rules of what goes together, before anything has them.

The rules are those of `seatrial check versions`, which judges what a node or an image really has.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, replace

from seatrial.checks.catalogue import find
from seatrial.checks.profile import NOT_KNOWN, Profile
from seatrial.checks.software.layouts import COMPONENTS, TITLES
from seatrial.checks.software.search import Copy, Software
from seatrial.errors import Problem, UserError, unknown
from seatrial.findings import Finding, Severity
from seatrial.hardware.instances import Instance
from seatrial.network.site import parse_version
from seatrial.versions import EFA_INSTALLERS, Stack
from seatrial.versions.pins import EfaInstaller

RULES = (
    "versions.cuda-driver", "versions.plugin", "versions.known-faults", "versions.efa-bundle", "versions.torch-cuda",
    "versions.torch-nccl", "versions.neuron-sdk",
)  # fmt: skip
"""Ids of the rules about versions alone."""
OF_INSTANCE = ("versions.cuda-device", "versions.instance")
"""Ids of the rules about an instance type and versions."""
BRINGS = tuple(field.name for field in fields(EfaInstaller) if field.name in TITLES)
"""Components that come with the EFA installer."""


def misfits(pins: Mapping[str, str], instance: Instance | None = None) -> list[Finding]:
    """All findings of the rules: what of component -> version goes together, and what does not.

    `instance`: also whether the versions are new enough for it. No rule judges what is not in TITLES. What cannot be
    read as a version is UNKNOWN.
    """
    seen = Software(
        found={
            name: (Copy(version=pins[name], path="what was chosen", order=0),) if name in pins else ()
            for name in COMPONENTS
        }
    )
    # What was not chosen may come from elsewhere, such as a container's driver: only a node is told what it lacks.
    judges = [(find(id), NOT_KNOWN) for id in RULES]
    judges += [(find(id), Profile.of(instance.name)) for id in OF_INSTANCE] if instance else []
    found = (finding for check, profile in judges for finding in check.judge(check.rule, seen, profile))
    return [replace(finding, severity=Severity.NONE) for finding in found]  # no node has it yet


def chosen(stack: Stack, settings: Mapping[str, str], where: str = "--set") -> dict[str, str]:
    """The stack's pins with those settings. What the EFA installer brings changes with it, and is left out if unknown.

    Raises UserError for components that are none of the stack's, and for what is no version.
    """
    if problems := [*_problems(stack, settings, where)]:
        raise UserError(problems)
    pins = {**stack.pins, **settings}
    if "efa_installer" in settings and (bundle := EFA_INSTALLERS.get(pins["efa_installer"])):
        pins |= {name: getattr(bundle, name) for name in BRINGS if name in stack.pins and name not in settings}
    return {name: version for name, version in pins.items() if version}


def unreadable(name: str, version: str, where: str = "--set") -> Problem | None:
    """What is wrong with a version that nobody can compare; None: nothing."""
    try:
        parse_version(version)
    except ValueError as error:
        return Problem(f"{name}: {error}", where, f"give a version with a dot: {name}=1.2.3")
    return None


def _problems(stack: Stack, settings: Mapping[str, str], where: str) -> Iterator[Problem]:
    for name, version in settings.items():
        if name not in stack.pins:
            yield unknown("component of this stack", name, stack.pins, where)
            continue
        if problem := unreadable(name, version, where):
            yield problem
    installer = settings.get("efa_installer")
    if installer and "efa_installer" in stack.pins and installer not in EFA_INSTALLERS:
        missing = [name for name in ("libfabric", "aws_ofi_nccl") if name in stack.pins and name not in settings]
        if missing:
            what = f"what the EFA installer {installer} brings is unknown"
            remedy = f"say it, too: {' '.join(f'{where} {name}=VERSION' for name in missing)}"
            yield Problem(what, where, f"{remedy}; or take {', '.join(EFA_INSTALLERS)}")
