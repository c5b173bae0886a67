"""An LDAP directory for clusters with many users: slapd on one instance, reached by TLS alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from seatrial.architectures._architecture import Architecture, ArchitectureParams, Facts, Instances, Name, Usage
from seatrial.bounds import Bound, Word
from seatrial.errors import Problem, UserError
from seatrial.hardware.instances import instance

if TYPE_CHECKING:
    from seatrial.plan import Plan

Domain = Annotated[str, Bound(pattern=r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+$")]
Image = Annotated[str, Bound(pattern=r"^ami-[0-9a-f]{8,17}$")]
Volume = Annotated[str, Bound(pattern=r"^vol-[0-9a-f]{8,17}$")]

OUTPUTS = {
    "DirectoryUri": "Where the directory answers",
    "DirectoryDomain": "Domain that the directory is of: its parts are the base of every search",
    "DirectoryReadOnlyUser": "Distinguished name as which nodes read",
    "DirectoryPasswordSecretArn": "Secret with the password of that name as plain text",
    "DirectoryCertificateParameter": "SSM parameter with the certificate that nodes trust, as PEM",
    "DirectoryClientSecurityGroup": "Security group of those who may reach the directory",
}
"""What its stack exports: name -> what it is."""

READER = "readonly"
"""User as which nodes read."""
ROOT_GIB = 16
"""Size of the disk that the operating system is on."""
DATA_GIB = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class Params(ArchitectureParams):
    """An LDAP server in the network's first private subnet."""

    network: Name = "vpc"
    """Deployment of vpc. Its private subnets must reach Ubuntu's packages."""
    domain: Domain = "cluster.internal"
    """Domain of the directory; dc=cluster,dc=internal is the base of its entries. It is no name in DNS, and stays as
    it is once there are entries."""
    instance_type: Word = "t3.small"
    """Type of the instance that it runs on."""
    image: Image | None = None
    """Id of an Ubuntu 24.04 image. Default: the newest when the stack is made or changed. An instance of another image
    is a new instance, which CloudFormation refuses while the old one holds the volume: before instance_type is changed,
    set it to the image in use."""
    data_gib: Annotated[int, Bound(ge=1, le=16384)] = DATA_GIB
    """Size in GiB of the volume with users, groups and certificates."""
    volume_id: Volume | None = None
    """Id of the volume of an earlier directory, in the zone of the first private subnet, to be used instead of a new
    one: its users, groups and certificates are taken on."""


def render(params: Params, facts: Facts) -> Plan:
    """Its plan."""
    from seatrial.architectures.directory.template import render

    return render(params, facts)


def check(params: Params, facts: Facts) -> Iterable[Problem]:
    """A known instance type, a way to its packages, and no size for a volume that has one."""
    try:
        instance(params.instance_type)
    except UserError as error:
        yield from (Problem(one.what, "instance_type", one.remedy) for one in error.problems)
    network = facts.needs["network"]
    if network.params.nat == "none" and network.params.vpc_id is None:
        what = f"its set-up needs Ubuntu's packages, but nat of {network.name} is none"
        yield Problem(what, "network", f"set nat of {network.name} to one, or name another network")
    if params.volume_id and params.data_gib != DATA_GIB:
        what = f"data_gib is {params.data_gib}, but volume_id names {params.volume_id}, which has its size already"
        yield Problem(what, "data_gib", "leave out data_gib or volume_id")


def instances(params: Params, facts: Facts) -> Iterable[Instances]:
    """The one that it runs on."""
    yield Instances(what="directory", instance_type=params.instance_type, at_least=1, at_most=1)


def usage(params: Params, facts: Facts) -> Iterable[Usage]:
    """What it costs beside its instance."""
    new = params.data_gib if params.volume_id is None else 0
    yield Usage(what="disks of the directory", item="ebs/gp3", quantity=ROOT_GIB + new)
    yield Usage(what="its passwords", item="secret", quantity=2)


ARCHITECTURE = Architecture(
    name="directory",
    title=__doc__,
    Params=Params,
    render=render,
    check=check,
    needs={"network": "vpc"},
    instances=instances,
    usage=usage,
)
