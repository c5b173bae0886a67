"""A database for Slurm's accounting: Aurora MySQL, serverless, reached by TLS alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from seatrial.architectures._architecture import Architecture, ArchitectureParams, Facts, Name, Usage
from seatrial.bounds import Bound
from seatrial.errors import Problem

if TYPE_CHECKING:
    from seatrial.plan import Plan

# Aurora's capacity units, of about 2 GiB of memory each, in halves; 0 lets an idle database pause.
# https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_ServerlessV2ScalingConfiguration.html, 2026-11
LARGEST_ACU = 256
Least = Annotated[float, Bound(ge=0, le=LARGEST_ACU, multiple_of=0.5)]
Most = Annotated[float, Bound(ge=1, le=LARGEST_ACU, multiple_of=0.5)]
User = Annotated[str, Bound(pattern=r"^[a-z][a-z0-9_]{0,15}$")]

OUTPUTS = {
    "DatabaseHost": "Host name of the database",
    "DatabasePort": "Port of the database",
    "DatabaseUser": "User that owns the database",
    "DatabaseSecretArn": "Secret with that user's password as plain text",
    "DatabaseClientSecurityGroup": "Security group of those who may reach the database",
}
"""What its stack exports: name -> what it is."""

STORAGE_GIB = 10
"""What cost is told for: storage grows with the accounts, and nobody knows them beforehand."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Params(ArchitectureParams):
    """An Aurora MySQL database in the network's private subnets."""

    network: Name = "vpc"
    """Deployment of vpc. Its private subnets must lie in two zones or more."""
    user: User = "slurm"
    """User that owns the database, as whom slurmdbd connects."""
    min_acu: Least = 0.5
    """Capacity units that it has at least, in halves: one is about 2 GiB of memory. 0: it pauses while no slurmdbd is
    connected."""
    max_acu: Most = 4
    """Capacity units that it grows to under load."""
    backup_days: Annotated[int, Bound(ge=1, le=35)] = 7
    """Days to any moment of which it can be restored."""


def render(params: Params, facts: Facts) -> Plan:
    """Its plan."""
    from seatrial.architectures.accounting_db.template import render

    return render(params, facts)


def check(params: Params, facts: Facts) -> Iterable[Problem]:
    """Aurora wants subnets in two zones, and no more capacity at least than at most."""
    if params.min_acu > params.max_acu:
        what = f"min_acu is {params.min_acu:g}, more than max_acu, which is {params.max_acu:g}"
        yield Problem(
            what, "min_acu", f"set it to {params.max_acu:g} or less, or max_acu to {params.min_acu:g} or more"
        )
    network = facts.needs["network"]
    if network.params.zone_count < 2:
        what = f"Aurora needs subnets in two zones, but zones of {network.name} names {network.params.zones[0]} alone"
        yield Problem(what, "network", f"add a zone to {network.name}, or name another network")


def usage(params: Params, facts: Facts) -> Iterable[Usage]:
    """What it costs at least."""
    yield Usage(what="capacity of the database, at least", item="aurora-acu", quantity=params.min_acu)
    what = f"storage of the database, its first {STORAGE_GIB} GiB"
    yield Usage(what=what, item="aurora-storage", quantity=STORAGE_GIB)
    yield Usage(what="its password", item="secret", quantity=1)


ARCHITECTURE = Architecture(
    name="accounting-db",
    title=__doc__,
    Params=Params,
    render=render,
    check=check,
    needs={"network": "vpc"},
    usage=usage,
)
