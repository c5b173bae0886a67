"""Names of machine images in parameters of architectures: each stands for the AMI that was made here under it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

from seatrial.architectures import Architecture
from seatrial.errors import Problem, UserError, unknown
from seatrial.hardware import accelerators, instances
from seatrial.images import machines, records
from seatrial.images._image import Machine
from seatrial.images.records import Record
from seatrial.versions import PARALLELCLUSTER

KEY = "custom_ami"
NAME = re.compile(r"ami-[a-z0-9]+-[a-z0-9-]+")
"""An AMI's id has one hyphen."""
VENDORS = {"NVIDIA": "gpu", "AWS": "neuron"}


@dataclass(frozen=True, kw_only=True, slots=True)
class _Use:
    """Where an image is named, and what it has to be."""

    where: str
    """``queues[0].custom_ami``"""
    service: str
    region: str
    system: str
    release: str
    """Version of ParallelCluster, or Kubernetes."""
    instance_type: str | None


def resolve(params: Any, architecture: Architecture) -> tuple[Any, list[Problem]]:
    """The parameters with ids in place of names, and what is wrong with names; places are those in the parameters."""
    problems: list[Problem] = []

    def resolved(part: Any, prefix: str) -> Any:
        changes: dict[str, Any] = {
            field.name: tuple(
                resolved(one, f"{prefix}{field.name}[{number}].") if is_dataclass(one) else one
                for number, one in enumerate(value)
            )
            for field in fields(part)
            if isinstance(value := getattr(part, field.name), tuple) and any(map(is_dataclass, value))
        }
        name = getattr(part, KEY, None)
        if name and NAME.fullmatch(name):
            try:
                changes[KEY] = _ami(name, _use(part, params, architecture, prefix + KEY))
            except UserError as error:
                problems.extend(error.problems)
        return replace(part, **changes) if changes else part

    return resolved(params, ""), problems


def _use(part: Any, params: Any, architecture: Architecture, where: str) -> _Use:
    """Raises UserError if the architecture takes no names."""
    service = architecture.machine_images
    if service is None:
        what = f"no image of ours is made for {architecture.name}"
        raise UserError(Problem(what, where, "name one of your own by its id, ami-0123456789abcdef0"))
    kinds = (getattr(part, key, None) for key in ("instance_type", "head_instance_type"))
    return _Use(
        where=where,
        service=service,
        region=params.region,
        system=getattr(params, "os", "alinux2023"),  # EKS has no other
        release={"parallelcluster": PARALLELCLUSTER.version}.get(service) or params.version,
        instance_type=next((kind for kind in kinds if kind), None),
    )


def _ami(name: str, use: _Use) -> str:
    """The id of the newest AMI that fits. Raises UserError if none does."""
    if name not in machines.names():
        raise UserError(unknown("machine image", name, machines.names(), use.where))
    machine = machines.find(name)
    instance = _instance(use)
    if problems := [*_wrong(machine, use, instance)]:
        raise UserError(problems)
    architecture = instance.architecture if instance else "x86_64"
    made = [one for one in records.read(name) if one.kind == "ami" and one.architecture == architecture]
    fitting = [one for one in made if _fits(one, use)]
    if not fitting:
        raise UserError(_nothing(name, use, architecture, made))
    return fitting[0].reference


def _instance(use: _Use) -> instances.Instance | None:
    """None: rules say what is wrong with its name."""
    try:
        return instances.instance(use.instance_type) if use.instance_type else None
    except UserError:
        return None


def _wrong(machine: Machine, use: _Use, instance: instances.Instance | None) -> Iterator[Problem]:
    """Whatever is recorded."""
    ours = [name for name in machines.names() if machines.find(name).service == use.service]
    if machine.service != use.service:
        what = f"{machine.name} is made for {machine.service}, not {use.service}"
        yield Problem(what, use.where, f"choose from: {', '.join(ours)}")
        return
    if use.system not in machine.systems:
        what = f"{machine.name} is not made of {use.system}"
        yield Problem(what, use.where, f"it is made of: {', '.join(machine.systems)}")
    vendor = accelerators.accelerator(instance.accelerator).vendor if instance and instance.accelerator else None
    wanted = VENDORS.get(vendor or "")
    # ParallelCluster's own AMI, from which ours are made, has NVIDIA's driver.
    brought = "gpu" if use.service == "parallelcluster" else None
    if instance and wanted not in (None, machine.accelerator, brought):
        what = f"{machine.name} has no driver for the accelerators of {instance.name}"
        yield Problem(what, use.where, f"name ami-{use.service}-{wanted}")


def _fits(one: Record, use: _Use) -> bool:
    release = one.arguments.get(use.service)
    return (one.region, one.system, release) == (use.region, use.system, use.release)


def _nothing(name: str, use: _Use, architecture: str, made: list[Record]) -> Problem:
    """Nothing was made, or something else."""
    other = [f"{one.region}: {one.system}, {use.service} {one.arguments.get(use.service, '?')}" for one in made[:3]]
    there = f"; there is {'; '.join(other)}" if other else ""
    what = f"no {name} of {use.system} for {architecture} and {use.service} {use.release} was made in {use.region}"
    options = [f"--set region={use.region}", f"--system {use.system}", f"--architecture {architecture}"]
    options += [f"--set kubernetes={use.release}"] if use.service == "eks" else []
    return Problem(f"{what}{there}", use.where, f"seatrial image build {name} {' '.join(options)}")
