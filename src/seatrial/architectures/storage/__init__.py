"""FSx for Lustre for data and checkpoints, linked with the bucket, and FSx for OpenZFS for home directories."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Annotated, Literal

from seatrial.architectures._architecture import Architecture, ArchitectureParams, Facts, Name, Usage
from seatrial.architectures.storage.steps import EFA_STEP_GIB, HOME_GIB, HOME_THROUGHPUTS, lustre_sizes, nearest
from seatrial.bounds import Bound, Count
from seatrial.errors import Problem

if TYPE_CHECKING:
    from seatrial.plan import Plan

FileSystem = Annotated[str, Bound(pattern=r"^fs-[0-9a-f]{8,17}$")]
Volume = Annotated[str, Bound(pattern=r"^fsvol-[0-9a-f]{17}$")]
MountName = Annotated[str, Bound(pattern=r"^[A-Za-z0-9_-]{1,8}$")]
Folder = Annotated[str, Bound(pattern=r"^(/[A-Za-z0-9._-]+)+$")]
Prefix = Annotated[str, Bound(pattern=r"^[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*$")]

OURS = "seatrial"
"""What of the bucket is Seatrial's own."""

OUTPUTS = {
    "LustreId": "Id of the Lustre file system",
    "LustreDnsName": "DNS name of the Lustre file system",
    "LustreMountName": "Mount name of the Lustre file system",
    "HomeVolumeId": "Id of the OpenZFS volume with the home directories",
    "HomeDnsName": "DNS name of the OpenZFS file system",
}
"""What its stack exports: name -> what it is."""

IDS = ("lustre_id", "lustre_mount_name", "home_id", "home_volume_id")
"""Parameters that name what is there already."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Params(ArchitectureParams):
    """A Lustre file system and an OpenZFS file system, in the network's first zone."""

    network: Name = "vpc"
    """Deployment of vpc."""
    bucket: Name | None = "s3"
    """Deployment of s3 whose bucket a new Lustre file system is linked with; None: with no bucket."""
    bucket_prefix: Prefix = "data"
    """What of the bucket is linked: all that lies under it."""
    bucket_folder: Folder = "/s3"
    """Folder of the Lustre file system in which the bucket appears."""
    bucket_sync: Literal["both", "import", "export"] = "both"
    """What follows of its own: files what changes in the bucket ("import"), the bucket what changes in files
    ("export"), or both."""
    lustre_gib: Count = 1200
    """Size in GiB: 1200, or a multiple of 2400. With EFA a multiple of 38400, 19200, 9600 or 4800, as lustre_throughput
    is 125, 250, 500 or 1000."""
    lustre_throughput: Count = 250
    """MB/s for a TiB: 125, 250, 500 or 1000."""
    lustre_efa: bool = False
    """Whether clients with EFA reach it by EFA. It can be chosen only when the file system is made."""
    lustre_id: FileSystem | None = None
    """Id of a Lustre file system that is there already, to be used instead of a new one. It stays as it is."""
    lustre_mount_name: MountName | None = None
    """Mount name of the file system that lustre_id names."""
    home_gib: Annotated[int, Bound(ge=HOME_GIB[0], le=HOME_GIB[1])] = 256
    """Size in GiB."""
    home_throughput: Count = 320
    """MB/s. SINGLE_AZ_HA_2: 160, 320, 640, 1280, 2560, 3840, 5120, 7680 or 10240. SINGLE_AZ_HA_1: 64, 128, 256, 512,
    1024, 2048, 3072 or 4096."""
    home_deployment: Literal["SINGLE_AZ_HA_2", "SINGLE_AZ_HA_1"] = "SINGLE_AZ_HA_2"
    """Two servers in one zone, of the newer or the older kind. Most regions offer one of them alone:
    https://docs.aws.amazon.com/fsx/latest/OpenZFSGuide/available-aws-regions.html"""
    home_backup_days: Annotated[int, Bound(ge=0, le=90)] = 7
    """Days for which a daily backup of the home directories is kept; 0: no backups."""
    home_id: FileSystem | None = None
    """Id of an OpenZFS file system that is there already, to be used instead of a new one."""
    home_volume_id: Volume | None = None
    """Id of the volume of home_id with the home directories."""


def render(params: Params, facts: Facts) -> Plan:
    """Its plan."""
    from seatrial.architectures.storage.template import render

    return render(params, facts)


def check(params: Params, facts: Facts) -> Iterable[Problem]:
    """What FSx would refuse, and what would be given in vain."""
    if params.lustre_throughput not in EFA_STEP_GIB:
        yield _not_offered(params.lustre_throughput, "lustre_throughput", "MB/s for a TiB", sorted(EFA_STEP_GIB))
    else:
        yield from _lustre_size(params)
    offered = HOME_THROUGHPUTS[params.home_deployment]
    if params.home_throughput not in offered:
        yield _not_offered(params.home_throughput, "home_throughput", f"MB/s of {params.home_deployment}", offered)
    yield from _pair(params, "lustre_id", "lustre_mount_name")
    yield from _pair(params, "home_id", "home_volume_id")
    if params.lustre_id:
        yield from _in_vain(params, "lustre_", "lustre_id")
    if params.home_id:
        yield from _in_vain(params, "home_", "home_id")
    if params.bucket_prefix.partition("/")[0] == OURS:
        what = f"{params.bucket_prefix} is what nodes run as root when they start: users could write it as files"
        yield Problem(what, "bucket_prefix", "link another part of the bucket, such as data")
    if params.lustre_id or params.bucket is None:
        yield from _in_vain(params, "bucket_", "lustre_id" if params.lustre_id else "bucket")


def _not_offered(value: int, where: str, unit: str, offered: Sequence[int]) -> Problem:
    choices = " or ".join(map(str, nearest(value, offered)))
    return Problem(f"{value} {unit} are not offered", where, f"set it to {choices}")


def _lustre_size(params: Params) -> Iterable[Problem]:
    sizes = lustre_sizes(params.lustre_gib, params.lustre_throughput, params.lustre_efa)
    if params.lustre_gib in sizes:
        return
    remedy = f"set it to {' or '.join(map(str, sizes))}"
    if not params.lustre_efa:
        yield Problem(f"{params.lustre_gib} is neither 1200 nor a multiple of 2400", "lustre_gib", remedy)
        return
    step = EFA_STEP_GIB[params.lustre_throughput]
    what = f"with lustre_efa, and lustre_throughput {params.lustre_throughput}, {params.lustre_gib} is no multiple of"
    fits = [str(other) for other, size in EFA_STEP_GIB.items() if params.lustre_gib % size == 0]
    remedy += f", or lustre_throughput to {' or '.join(fits)}" if fits else ""
    yield Problem(f"{what} {step}", "lustre_gib", f"{remedy}, or leave out lustre_efa")


def _pair(params: Params, one: str, other: str) -> Iterable[Problem]:
    """What is there already is named by both its ids."""
    given = [name for name in (one, other) if getattr(params, name) is not None]
    if len(given) == 1:
        (missing,) = {one, other} - {*given}
        yield Problem(
            f"{given[0]} is set, but {missing} is not", missing, "give both, or neither for a new file system"
        )


def _in_vain(params: Params, prefix: str, why: str) -> Iterable[Problem]:
    """What shapes something new is not given where nothing new is made."""
    for field in fields(params):
        value = getattr(params, field.name)
        if field.name.startswith(prefix) and field.name not in IDS and value != field.default:
            what = f"{field.name} is {value}, but {why} is {getattr(params, why)}, so that nothing is made that has it"
            yield Problem(what, field.name, f"leave out {field.name}, or change {why}")


def usage(params: Params, facts: Facts) -> Iterable[Usage]:
    """What new file systems cost."""
    if params.lustre_id is None:
        item = f"fsx-lustre/{params.lustre_throughput}"
        yield Usage(what="FSx for Lustre", item=item, quantity=params.lustre_gib)
    if params.home_id is None:
        yield Usage(what="FSx for OpenZFS", item="fsx-openzfs", quantity=params.home_gib)
        item = "fsx-openzfs/throughput"
        yield Usage(what="throughput of FSx for OpenZFS", item=item, quantity=params.home_throughput)


ARCHITECTURE = Architecture(
    name="storage",
    title=__doc__,
    Params=Params,
    render=render,
    check=check,
    needs={"network": "vpc", "bucket": "s3"},
    usage=usage,
)
