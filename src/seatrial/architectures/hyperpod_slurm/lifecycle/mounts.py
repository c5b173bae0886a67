"""/fsx and /home: FSx for Lustre and FSx for OpenZFS, now and after each start."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from . import apt
from .files import with_lines, write
from .node import Node
from .steps import Failure, log, retry, run, succeeds

FSTAB = Path("/etc/fstab")
PAUSES = (2, 5, 10, 20, 30, 60, 60)
"""Seconds between tries: a name, or a route, may come later than the node."""
ROOT = 0
NEW, SHARED = 0o755, 0o1777
"""Modes of a file system's root: as FSx makes it for root alone, and as /tmp has it."""
LATER = "_netdev,x-systemd.automount,x-systemd.requires=network-online.target"
"""For systemd: after the network, when it is first used, so that a start waits for no file system."""


@dataclass(frozen=True)
class Mount:
    """A line of fstab(5)."""

    device: str
    place: str
    type: str
    options: str

    def line(self) -> str:
        """The line itself."""
        return f"{self.device} {self.place} {self.type} {self.options},{LATER} 0 0"


def mounts(node: Node) -> list[Mount]:
    """Those of a node. Options: https://docs.aws.amazon.com/fsx/latest/LustreGuide/mount-fs-auto-mount-onreboot.html,
    https://docs.aws.amazon.com/fsx/latest/OpenZFSGuide/attach-linux-client.html (2026-11)."""
    found = []
    if lustre := node.places.get("lustre"):
        device = f"{lustre['dns_name']}@tcp:/{lustre['mount_name']}"
        found.append(Mount(device, "/fsx", "lustre", "relatime,flock"))
    if home := node.places.get("home"):
        found.append(Mount(f"{home['dns_name']}:/fsx/", "/home", "nfs", "nfsvers=4.2,nconnect=16,relatime"))
    return found


def mount(node: Node, pauses: Sequence[float] = PAUSES) -> None:
    """Mount what is not mounted, once it can be."""
    wanted = mounts(node)
    if any(one.type == "nfs" for one in wanted):
        apt.install(["nfs-common"])
    if any(one.type == "lustre" for one in wanted) and not _kernel_knows("lustre"):
        run("modprobe", "lustre", remedy="use HyperPod's AMI, which has the client of Lustre")
    text = FSTAB.read_text() if FSTAB.exists() else ""
    for one in wanted:
        other = [line for line in text.splitlines() if line.split()[1:2] == [one.place] and line != one.line()]
        text = "".join(f"{line}\n" for line in text.splitlines() if line not in other)
    if write(FSTAB, with_lines(text, [one.line() for one in wanted])) and succeeds("systemctl", "--version"):
        run("systemctl", "daemon-reload", remedy="see: systemctl status")
    for one in wanted:
        _mount(one, pauses)
        if node.role == "controller" and one.type == "lustre":
            share(Path(one.place))


def share(place: Path) -> None:
    """Lets everybody make folders in a new file system. A mode that somebody chose stays."""
    found = place.stat()
    if (found.st_uid, found.st_mode & 0o7777) == (ROOT, NEW):
        place.chmod(SHARED)
        log(f"    {place} is everybody's, as /tmp is")


def mounted(place: str, table: Path = Path("/proc/self/mountinfo")) -> bool:
    """Whether a file system other than autofs, which only waits for the first use, is there."""
    lines = [line.split() for line in table.read_text().splitlines()]
    return any(words[4] == place and words[words.index("-") + 1] != "autofs" for words in lines)


def _mount(one: Mount, pauses: Sequence[float]) -> None:
    if mounted(one.place):
        return
    Path(one.place).mkdir(parents=True, exist_ok=True)
    remedy = (
        f"see that security groups let the node reach {one.device} (Lustre: TCP 988 and 1018 to 1023, NFS: 2049), "
        "and that both are in one VPC"
    )
    command = ("timeout", "120", "mount", "-t", one.type, "-o", one.options, one.device, one.place)
    retry(f"mount {one.place}", pauses, lambda: run(*command, remedy=remedy))
    if not mounted(one.place):
        raise Failure(f"{one.place} is not mounted, although mount said nothing", remedy)
    log(f"    mounted {one.device} as {one.place}")


def _kernel_knows(name: str) -> bool:
    return any(line.split()[-1] == name for line in Path("/proc/filesystems").read_text().splitlines())
