"""Space on the file systems, in bytes and in files; and the shared memory of a job."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from seatrial.checks.catalogue import Rule, check
from seatrial.checks.observations import Lines, Source, Unreadable
from seatrial.checks.profile import Profile
from seatrial.findings import Finding, Severity, Verdict

WARN_PERCENT, FAIL_PERCENT = 80, 85
"""Of a file system's space that may be used. Meta GCM, check_disk: warning and critical."""
SHARED_MEMORY = 2**30
"""Bytes of /dev/shm that NCCL's and PyTorch's containers are started with at least: --shm-size=1g, NCCL user guide,
Troubleshooting. Docker's and Kubernetes' own 64 MiB are too few."""
PSEUDO = ("tmpfs", "devtmpfs", "overlay", "squashfs", "efivarfs", "iso9660")
"""Types of file systems that are full by design, or whose space is another's."""

_LINE = re.compile(
    r"(?P<source>\S.*?)(?:\s+(?P<type>[a-z]\S*))?\s+(?P<size>\d+|-)\s+(?P<used>\d+|-)\s+(?P<free>-?\d+|-)"
    r"\s+(?P<percent>\d+%|-)\s+(?P<mount>/.*)"
)


@dataclass(frozen=True, slots=True)
class FileSystem:
    """A line of df. None: it does not count."""

    mount: str
    size: int | None
    free: int | None
    percent: int | None


def parse(lines: Lines) -> list[FileSystem]:
    """``df -P``, with or without ``-T`` and ``-i``; not ``-h``, whose numbers are rounded."""
    found: list[FileSystem] = []
    header = False
    for line in lines:
        text = line.strip()
        if not header:
            header = re.fullmatch(r"Filesystem\s.*\sMounted on", text) is not None
            if not header:
                raise Unreadable("'Filesystem … Mounted on' of df", line)
            continue
        match = _LINE.fullmatch(text)
        if match is None:
            raise Unreadable("a file system of df -P, its numbers whole", line)
        size, free = (None if match[name] == "-" else int(match[name]) for name in ("size", "free"))
        percent = None if match["percent"] == "-" else int(match["percent"].rstrip("%"))
        found.append(FileSystem(match["mount"], size, free, percent))
    if not found:
        raise Unreadable("a file system of df")
    return found


# --local: what is shared is no node's fault, and a server that is away would make df hang.
_OWN = ("--local", *(f"--exclude-type={name}" for name in PSEUDO))
DF = Source(
    kind="df",
    title="space on the node's own file systems",
    part="node",
    level="quick",
    parse=parse,
    command=("df", "-P", "-k", *_OWN),
    package="coreutils",
)
DF_FILES = Source(
    kind="df-inodes",
    title="room for more files on the node's own file systems",
    part="node",
    level="quick",
    parse=parse,
    command=("df", "-P", "-i", *_OWN),
    package="coreutils",
)
DF_SHM = Source(
    kind="df-shm",
    title="shared memory of a job's processes",
    part="node",
    level="quick",
    parse=parse,
    command=("df", "-P", "-k", "/dev/shm"),
    package="coreutils",
)
_HEAD = "Filesystem     1024-blocks      Used Available Capacity Mounted on\n"
_INODES = "Filesystem       Inodes   IUsed    IFree IUse% Mounted on\n"


def _used(rule: Rule, seen: list[FileSystem], what: str) -> Iterator[Finding]:
    for system in seen:
        scope = {"mount": system.mount}
        if system.percent is None or not system.size:
            yield rule.finding(Verdict.SKIP, f"it does not count {what}", scope=scope)
            continue
        full = system.percent >= FAIL_PERCENT
        verdict = Verdict.FAIL if full else Verdict.WARN if system.percent >= WARN_PERCENT else Verdict.PASS
        yield rule.finding(verdict, f"{system.percent} % of {what} used, {system.free} left", scope=scope)


@check(
    "node.disk-space",
    DF,
    scope="disk",
    severity=Severity.MONITOR,
    verdicts=(Verdict.PASS, Verdict.WARN, Verdict.FAIL),
    expected=f"less than {WARN_PERCENT} % of each file system used",
    why="A checkpoint that does not fit kills the job that writes it, after hours.",
    remedy="remove old checkpoints, images and logs, or enlarge the volume",
    cites="Meta GCM, check_disk: 80 % warning, 85 % critical",
    good=f"{_HEAD}/dev/nvme0n1p1      1000000    300000    700000      30% /\n",
    bad=f"{_HEAD}/dev/nvme0n1p1      1000000    900000    100000      90% /\n",
)
def space(rule: Rule, seen: list[FileSystem], profile: Profile) -> Iterator[Finding]:
    yield from _used(rule, seen, "KiB")


@check(
    "node.disk-files",
    DF_FILES,
    scope="disk",
    severity=Severity.MONITOR,
    verdicts=(Verdict.PASS, Verdict.WARN, Verdict.FAIL),
    expected=f"less than {WARN_PERCENT} % of each file system's inodes used",
    why="A file system without free inodes refuses new files, although df shows space.",
    remedy="remove caches of many small files, such as those of packages and images",
    cites="Meta GCM, check_disk, and node_exporter's mixin, NodeFilesystemAlmostOutOfFiles",
    good=f"{_INODES}/dev/nvme0n1p1  1000000   70000   930000    7% /\n",
    bad=f"{_INODES}/dev/nvme0n1p1  1000000  990000    10000   99% /\n",
)
def files(rule: Rule, seen: list[FileSystem], profile: Profile) -> Iterator[Finding]:
    yield from _used(rule, seen, "inodes")


@check(
    "node.shared-memory",
    DF_SHM,
    severity=Severity.MONITOR,
    verdicts=(Verdict.PASS, Verdict.WARN),  # of the process that looks: a job's container has its own
    expected=f"{SHARED_MEMORY / 2**30:.0f} GiB or more in /dev/shm",
    why="NCCL and data loaders pass data through it, and die with a bus error where it is full.",
    remedy="docker run --shm-size=8g; in Kubernetes an emptyDir with medium: Memory at /dev/shm",
    cites="NCCL user guide, Troubleshooting, 'Shared memory'",
    good=f"{_HEAD}tmpfs           1048576000         0 1048576000       0% /dev/shm\n",
    bad=f"{_HEAD}shm                  65536         0     65536       0% /dev/shm\n",
)
def shared_memory(rule: Rule, seen: list[FileSystem], profile: Profile) -> Iterator[Finding]:
    for system in seen:
        if system.mount == "/dev/shm" and system.free is not None and system.size is not None:
            told = f"{system.size / 2**20:.2g} GiB, of which {system.free / 2**20:.2g} are free"
            yield rule.finding(Verdict.PASS if system.free * 1024 >= SHARED_MEMORY else Verdict.WARN, told)
        else:
            yield rule.finding(Verdict.UNKNOWN, f"{system.mount} instead of /dev/shm")
