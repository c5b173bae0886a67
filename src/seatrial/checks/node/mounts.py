"""File systems: those that should be mounted are, and none has gone read-only."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from seatrial.checks.catalogue import Rule, check
from seatrial.checks.files import read_files
from seatrial.checks.observations import Lines, Source, Unreadable
from seatrial.checks.profile import Profile
from seatrial.findings import Finding, Severity, Verdict, judged

DISKS = ("ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs", "zfs", "lustre", "nfs", "nfs4")
"""Types that hold people's data, and are there to be written to."""
LOST = ("emergency_ro", "shutdown")
"""Options of a file system that has given up. Linux 6.13, fs/ext4/super.c."""

_MOUNTS, _FSTAB = "/proc/self/mounts", "/etc/fstab"
_LINE = re.compile(r"(\S+)\s+(\S+)\s+(\S+)\s+(\S+)(?:\s+\d+){0,2}")


@dataclass(frozen=True, slots=True)
class Mount:
    """A line of /proc/mounts, or of /etc/fstab."""

    device: str
    folder: str
    type: str
    options: frozenset[str]


@dataclass(frozen=True, slots=True)
class Mounts:
    """What is mounted, and what should be."""

    there: list[Mount]
    wanted: list[Mount] | None
    """None: the node has no such file."""


def parse(lines: Lines) -> Mounts:
    """Both files; comments of fstab are passed over."""
    files = read_files(lines, (_MOUNTS, _FSTAB))
    there = [mount(line) for line in files.get(_MOUNTS, []) if line.strip()]
    if not any(one.folder == "/" for one in there):
        raise Unreadable(f"what is mounted at /, of {_MOUNTS}")
    wanted = [mount(line) for line in files.get(_FSTAB, []) if line.strip() and not line.lstrip().startswith("#")]
    return Mounts(there, wanted if _FSTAB in files else None)


def mount(line: str) -> Mount:
    """A line of either file. Raises Unreadable."""
    match = _LINE.fullmatch(line.strip())
    if match is None:
        raise Unreadable("'DEVICE FOLDER TYPE OPTIONS 0 0'", line)
    return Mount(match[1], match[2].rstrip("/") or "/", match[3], frozenset(match[4].split(",")))


MOUNTS = Source(
    kind="mounts",
    title="what is mounted, and what /etc/fstab wants to be",
    part="node",
    level="quick",
    parse=parse,
    files=(_MOUNTS, _FSTAB),
    package="Linux",
)
_GOOD = f"""{_MOUNTS}:/dev/nvme0n1p1 / xfs rw,noatime 0 0
{_MOUNTS}:10.0.0.9@tcp:/fsx /fsx lustre rw,flock 0 0
{_FSTAB}:UUID=1 / xfs defaults 0 0
{_FSTAB}:10.0.0.9@tcp:/fsx /fsx lustre defaults,_netdev 0 0
"""


@check(
    "node.mounts",
    MOUNTS,
    scope="disk",
    severity=Severity.REBOOT,
    expected="all that /etc/fstab wants is mounted",
    why="A job whose shared folder is not there writes its checkpoints to the root disk, until that is full.",
    remedy="mount -a, and look what it says; systemctl --failed shows which mount did not come up at boot",
    cites="man 5 fstab; AzNHC, check_fs_mount",
    good=_GOOD,
    bad=_GOOD.replace(f"{_MOUNTS}:10.0.0.9@tcp:/fsx /fsx lustre rw,flock 0 0\n", ""),
)
def mounted(rule: Rule, seen: Mounts, profile: Profile) -> Iterator[Finding]:
    there = {mount.folder for mount in seen.there}
    wanted = [m for m in seen.wanted or () if m.folder.startswith("/") and not m.options & {"noauto"}]
    for mount in wanted:
        good = mount.folder in there
        yield rule.finding(judged(good), "is mounted" if good else "is not mounted", scope={"mount": mount.folder})
    if not wanted:
        yield rule.finding(Verdict.SKIP, "/etc/fstab wants nothing" if seen.wanted == [] else "there is no /etc/fstab")


@check(
    "node.read-only",
    MOUNTS,
    scope="disk",
    severity=Severity.REBOOT,
    verdicts=(Verdict.PASS, Verdict.WARN, Verdict.FAIL),
    expected="file systems that hold data may be written to",
    why="The kernel makes a file system read-only when its disk fails; jobs then die at their first checkpoint.",
    remedy="look at the kernel's log for the disk; reboot, and replace the node if it comes back",
    cites="man 5 ext4, errors=remount-ro; NHC, check_fs_mount_rw",
    good=_GOOD,
    bad=_GOOD.replace("xfs rw,noatime", "ext4 ro,noatime,errors=remount-ro"),
)
def writable(rule: Rule, seen: Mounts, profile: Profile) -> Iterator[Finding]:
    data = [mount for mount in seen.there if mount.type in DISKS]
    for mount in data:
        lost = mount.options & {*LOST} or {"ro", "errors=remount-ro"} <= mount.options
        verdict = Verdict.FAIL if lost else Verdict.WARN if "ro" in mount.options else Verdict.PASS
        if not lost and not mount.options & {"ro", "rw"}:
            verdict = Verdict.UNKNOWN
        told = f"{mount.device}, {mount.type}, {','.join(sorted(mount.options & {*LOST, 'ro', 'rw'})) or 'no word'}"
        yield rule.finding(verdict, told, scope={"mount": mount.folder})
    if not data:
        yield rule.finding(Verdict.SKIP, "no file system of a disk or of a server is mounted")
