"""What an architecture is: parameters, their rules, a pure rendering, and the clusters that it yields.

A deployment is an architecture with its parameters under a name: one CloudFormation stack. What one deployment needs of
another it imports from that one's stack, by the names that `OUTPUTS` of the other states.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Literal

from seatrial.bounds import Bound, Table, Word
from seatrial.errors import Problem
from seatrial.extras import needed
from seatrial.plan import Plan

if TYPE_CHECKING:
    from seatrial.cluster import Cluster

PREFIX = "seatrial-"
"""What the names of our stacks begin with."""
IN_BUCKET = "bucket/"
"""Folder of a plan whose files belong into the bucket before the stack is made, each under its path below."""

Name = Annotated[str, Bound(pattern=r"^[a-z][a-z0-9-]{0,31}$")]
"""A deployment: names of stacks, clusters and resources are made of it, of which the shortest takes 60 characters."""
Region = Annotated[str, Bound(pattern=r"^[a-z]{2,3}(-[a-z]+)+-[0-9]+$")]

Capacity = Literal["on-demand", "spot", "reservation", "capacity-block"]
"""How instances are bought: as they are free, interruptible, from an On-Demand Capacity Reservation, or from a Capacity
Block for ML."""

LogDays = Literal[1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1827, 3653]
"""Days for which CloudWatch keeps logs: PutRetentionPolicy in the CloudWatch Logs API Reference, to ten years."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ArchitectureParams(Table):
    """Base of an architecture's Params: a frozen dataclass, a string with unit and constraint under every field."""

    region: Region
    """AWS region, such as "us-west-2". Default: that of whoever needs it, or of AWS_REGION."""
    profile: Word | None = None
    """Profile of AWS's own configuration. Default: the environment's own credentials."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Instances:
    """Instances that a deployment runs."""

    what: str
    """For people: ``queue gpu``, ``head node``."""
    service: Literal["ec2", "sagemaker"] = "ec2"
    """Whose quotas and prices hold."""
    instance_type: str
    """As EC2 calls it: without SageMaker's ``ml.``."""
    at_least: int
    """Instances that always run."""
    at_most: int
    capacity: Capacity | Literal["training-plan"] = "on-demand"
    """A training plan is SageMaker's own."""
    reservation: str | None = None
    """Id of its reservation or Capacity Block, ARN of its training plan."""
    efa: bool = False
    """Whether it has EFA interfaces."""
    addresses: int | None = None
    """Addresses of the subnet that one takes; None: one, or one for each EFA interface."""
    placement_group: bool = False
    zone: str | None = None
    """Availability zone by name or id; None: that of a subnet that is there already."""
    subnet: str | None = None
    """Id of the subnet that is there already; None: the network's own."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Usage:
    """What a deployment costs beside its instances."""

    what: str
    """For people: ``NAT gateways``."""
    item: str
    """Key in seatrial.prices."""
    quantity: float
    """In the unit of the item."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """What an architecture knows beside its parameters."""

    deployment: str
    """Name of the deployment."""
    needs: Mapping[str, Deployment] = field(default_factory=dict)
    """Parameter that names a deployment -> that deployment; a parameter of None is missing here."""

    @property
    def stack(self) -> str:
        """Name of the stack."""
        return PREFIX + self.deployment

    def cluster(self, place: int, part: str) -> str:
        """Name of one of several clusters, by its place and what it is a part of: the first is named like the
        deployment, so that it keeps its name when there are more."""
        return self.deployment if place == 0 else f"{self.deployment}-{part}"


def _nothing(*_: Any) -> Iterable[Any]:
    return ()


def _nothing_installed(*_: Any) -> Plan:
    return Plan()


class _Unknown(dict[str, str]):
    """Outputs of a stack that is not there: ``{ClusterName}``."""

    def __missing__(self, name: str) -> str:
        return f"{{{name}}}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Architecture:
    """Something that can be deployed."""

    name: str
    title: str
    Params: type[ArchitectureParams]
    render: Callable[[Any, Facts], Plan]
    """Its template as STACK.yaml, and what else a reader wants to see. Pure; run where `check` found nothing wrong."""
    check: Callable[[Any, Facts], Iterable[Problem]] = _nothing
    """Pure rules over parameters and what they need; the place of a problem is the parameter's name."""
    needs: Mapping[str, str] = field(default_factory=dict)
    """Parameter that names a deployment -> the architecture that it must be of. None as its value: not wanted."""
    instances: Callable[[Any, Facts], Iterable[Instances]] = _nothing
    usage: Callable[[Any, Facts], Iterable[Usage]] = _nothing
    clusters: Callable[[Any, Facts, Mapping[str, str]], Iterable[Cluster]] = _nothing
    """The clusters that a stack's outputs describe. Their options are a mapping: it knows no launcher."""
    machine_images: str | None = None
    """Service of the machine images, as `seatrial.images` calls it, that ``custom_ami`` takes by their names; None: it
    takes ids alone."""
    installs: Callable[[Any, Facts, Mapping[str, str]], Plan] = _nothing_installed
    """What is put into what the stack made, by its outputs: files, and commands that are run in their folder, in this
    order, once the stack stands. Each may be run again. An output is there for every name, also in a dry run."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Deployment:
    """An architecture with its parameters, under a name."""

    name: str
    architecture: Architecture
    params: Any
    needs: Mapping[str, Deployment] = field(default_factory=dict)

    @property
    def facts(self) -> Facts:
        """What its architecture knows beside the parameters."""
        return Facts(deployment=self.name, needs=self.needs)

    @property
    def stack(self) -> str:
        """Name of its stack."""
        return self.facts.stack

    def order(self) -> list[Deployment]:
        """What it needs, each once and behind what that needs in turn; itself last."""
        found: dict[str, Deployment] = {}
        for other in self.needs.values():
            found |= {one.name: one for one in other.order() if one.name not in found}
        return [*found.values(), self]

    def problems(self) -> list[Problem]:
        """What is wrong with its parameters, and with those of what it needs."""
        return [
            Problem(problem.what, f"architectures.{one.name}.{problem.where}".rstrip("."), problem.remedy)
            for one in self.order()
            for problem in (*_elsewhere(one), *one.architecture.check(one.params, one.facts))
        ]

    def render(self) -> Plan:
        """Its plan. Where `problems` found none it raises UserError only without troposphere."""
        with needed("troposphere", f"architectures.{self.name}"):
            return self.architecture.render(self.params, self.facts)

    def template(self) -> str:
        """The template of its stack."""
        return self.render().files[f"{self.stack}.yaml"]

    def installs(self, outputs: Mapping[str, str] | None = None) -> Plan:
        """What is put into what its stack made, by the outputs of that; None: by their names."""
        with needed("troposphere", f"architectures.{self.name}"):
            return self.architecture.installs(self.params, self.facts, _Unknown() if outputs is None else outputs)

    def clusters(self, outputs: Mapping[str, str]) -> list[Cluster]:
        """The clusters that it yields, by the outputs of its stack."""
        return [*self.architecture.clusters(self.params, self.facts, outputs)]


def _elsewhere(one: Deployment) -> Iterable[Problem]:
    """A stack imports from its own region and account alone."""
    for parameter, other in one.needs.items():
        for key in ("region", "profile"):
            mine, theirs = getattr(one.params, key), getattr(other.params, key)
            if mine != theirs:
                what = f"{key} is {mine}, but that of {other.name}, which {parameter} names, is {theirs}"
                yield Problem(what, key, f"give both the same {key}, or name another deployment as {parameter}")
