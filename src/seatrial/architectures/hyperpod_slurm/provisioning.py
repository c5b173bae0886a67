"""What nodes of a cluster read when they are made, in three parts, each by who knows it.

``provisioning_parameters.json`` is HyperPod's own form, which HyperPod reads as well, and so holds nothing else.
``seatrial.json`` beside it is what our scripts do there. Both follow from the parameters and lie in the bucket, in the
folder of the lifecycle scripts. Where file systems, database and directory are is known to other stacks alone: that is
the value of an SSM parameter of the cluster's own stack, whose name stands in ``seatrial.json``. Secrets are in none of
them: nodes fetch them by their ARN.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from troposphere import Sub

from seatrial.architectures._architecture import Facts
from seatrial.architectures._cloudformation import imported
from seatrial.architectures._hyperpod import gpus
from seatrial.architectures.hyperpod_slurm import CONTROLLER, LOGIN, USER, Package, Params, User

FORM = "provisioning_parameters.json"
SETTINGS = "seatrial.json"


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkerGroup:
    """A group of nodes that run jobs."""

    instance_group_name: str
    partition_name: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Form:
    """HyperPod's form: which group has which role in Slurm.

    https://docs.aws.amazon.com/sagemaker/latest/dg/sagemaker-hyperpod-ref.html, legacy configuration, 2026-11.
    """

    version: str = "1.0.0"
    workload_manager: str = "slurm"
    controller_group: str
    login_group: str | None
    """Missing without login nodes."""
    worker_groups: tuple[WorkerGroup, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Partition:
    """A partition of Slurm, which is a group of workers, and what each of its nodes has."""

    name: str
    gpus: int
    """NVIDIA GPUs, which Slurm hands out as gres/gpu; Trainium's chips are none."""
    default: bool
    """Whether jobs that name no partition run there."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """What our scripts do on the nodes."""

    deployment: str
    region: str
    parameter: str
    """Name of the SSM parameter with `places`, as JSON."""
    default_user: str
    """User of HyperPod's AMI, whose keys the nodes know one another by."""
    ssh_keys: tuple[str, ...]
    """Lines of the default user's ~/.ssh/authorized_keys."""
    users: tuple[User, ...]
    partitions: tuple[Partition, ...]
    slurm: Mapping[str, str]
    """More settings of slurm.conf."""
    containers: bool
    """Whether enroot and pyxis are set up."""
    container_packages: tuple[Package, ...]
    """What they are installed of where the AMI has none."""
    package: str | None
    """What pip installs Seatrial of, in /opt/seatrial; None: not at all."""
    health_checks: bool
    """Whether Slurm checks nodes before and after jobs."""
    observability: bool
    """Whether exporters run, and Prometheus on the controller."""


def form(params: Params) -> Form:
    """HyperPod's form."""
    return Form(
        controller_group=CONTROLLER,
        login_group=LOGIN if params.login_nodes else None,
        worker_groups=tuple(
            WorkerGroup(instance_group_name=group.name, partition_name=group.name) for group in params.workers
        ),
    )


def settings(params: Params, facts: Facts) -> Settings:
    """What our scripts do."""
    return Settings(
        deployment=facts.deployment,
        region=params.region,
        parameter=parameter(facts),
        default_user=USER,
        ssh_keys=params.ssh_keys,
        users=params.users,
        partitions=tuple(
            Partition(name=group.name, gpus=gpus(group), default=place == 0)
            for place, group in enumerate(params.workers)
        ),
        slurm=dict(params.slurm),
        containers=params.containers,
        container_packages=params.container_packages,
        package=params.package,
        health_checks=params.health_checks,
        observability=params.observability,
    )


def files(params: Params, facts: Facts) -> dict[str, str]:
    """Both files, by their names."""
    written = {name: value for name, value in asdict(form(params)).items() if value is not None}
    return {FORM: _text(written), SETTINGS: _text(asdict(settings(params, facts)))}


def parameter(facts: Facts) -> str:
    """Name of the SSM parameter."""
    return f"/seatrial/{facts.deployment}/places"


def places(facts: Facts) -> Sub:
    """Value of the SSM parameter: where things are, as JSON.

    ``{"lustre": {"dns_name", "mount_name"}, "home": {"dns_name"}, "accounting": {"host", "port", "user",
    "secret_arn"}, "directory": {"uri", "domain", "reader", "secret_arn", "certificate_parameter"}}``, all of them
    strings; without accounting, or a directory, its key is missing.
    """
    wanted = {what: place for what, place in PLACES.items() if place.need in facts.needs}
    names = {(what, key): _variable(what, key) for what, place in wanted.items() for key in place.outputs}
    text = {what: {key: f"${{{names[what, key]}}}" for key in place.outputs} for what, place in wanted.items()}
    values = {
        names[what, key]: imported(facts, place.need, output)
        for what, place in wanted.items()
        for key, output in place.outputs.items()
    }
    return Sub(json.dumps(text, indent=2), **values)


class Place(NamedTuple):
    """Something that another stack made."""

    need: str
    """Parameter that names its deployment."""
    outputs: Mapping[str, str]
    """Key -> what that deployment exports."""


PLACES: Mapping[str, Place] = {
    "lustre": Place("storage", {"dns_name": "LustreDnsName", "mount_name": "LustreMountName"}),
    "home": Place("storage", {"dns_name": "HomeDnsName"}),
    "accounting": Place(
        "accounting",
        {"host": "DatabaseHost", "port": "DatabasePort", "user": "DatabaseUser", "secret_arn": "DatabaseSecretArn"},
    ),
    "directory": Place(
        "directory",
        {
            "uri": "DirectoryUri",
            "domain": "DirectoryDomain",
            "reader": "DirectoryReadOnlyUser",
            "secret_arn": "DirectoryPasswordSecretArn",
            "certificate_parameter": "DirectoryCertificateParameter",
        },
    ),
}


def _variable(what: str, key: str) -> str:
    return what.title() + key.title().replace("_", "")


def _text(value: dict[str, Any]) -> str:
    return json.dumps(value, indent=2) + "\n"
