"""Facts of a node's kernel: what it is set to, which drivers it has, and what it mounts in common with other nodes."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from seatrial.checks.environment.facts import Collector, Value
from seatrial.checks.node.modules import GDRCOPY, NEEDED
from seatrial.checks.node.mounts import Mount, mount
from seatrial.masking import mask

PARAMETERS = (
    # Pages that move between NUMA nodes, are given back or are swapped out, and what a large rank may map.
    "kernel/numa_balancing",
    "vm/zone_reclaim_mode",
    "vm/overcommit_memory",
    "vm/swappiness",
    "vm/max_map_count",
    "vm/compaction_proactiveness",
    # How many processes, threads and files all ranks and loaders of a node may have.
    "kernel/pid_max",
    "fs/nr_open",
    "fs/aio-max-nr",
    # Sockets of gloo, of NCCL's bootstrap and of storage: buffers, queues, ports.
    "net/core/rmem_max",
    "net/core/wmem_max",
    "net/core/somaxconn",
    "net/ipv4/tcp_rmem",
    "net/ipv4/tcp_wmem",
    "net/ipv4/tcp_congestion_control",
    "net/ipv4/ip_local_port_range",
)
"""Parameters of the kernel that decide how training goes, below /proc/sys. Those that the kernel computes of a node's
memory, such as fs.file-max, are left out: they differ between nodes that are alike.
Linux, Documentation/admin-guide/sysctl/{kernel,vm,fs,net}.rst and Documentation/networking/ip-sysctl.rst."""

MODULES = tuple(
    dict.fromkeys([*(m for names in NEEDED.values() for m in names), GDRCOPY])
    | dict.fromkeys(["nvidia_peermem", "nvidia_fs", "ena", "lustre", "lnet"])
)
"""Modules whose versions are compared: those that devices need, and those of the network and of storage."""

SHARED = (
    "lustre",
    "nfs",
    "nfs4",
    "cifs",
    "ceph",
    "gpfs",
    "wekafs",
    "beegfs",
    "glusterfs",
    "fuse.mount-s3",
    "fuse.s3fs",
)
"""Types of file systems that nodes have in common. FSx for Lustre is lustre, EFS and FSx for OpenZFS are nfs4."""
OF_ENGINE = ("/var/lib/kubelet/", "/run/containerd/", "/var/lib/docker/", "/var/lib/containers/")
"""Where an engine mounts what single containers asked for, under a name that no other node has."""
OWN_OPTIONS = ("clientaddr", "addr", "mountaddr", "port", "mountport")
"""Options of a mount that are an address: a node's own, or that of the server in its zone. man 5 nfs."""
OWN_WORDS = ("BOOT_IMAGE", "root", "resume", "ostree", "ip", "systemd.machine_id", "systemd.hostname")
"""What a word of the kernel's command line begins with, up to its =, that is each node's own: a disk, a name."""


def of_kernel(found: Collector, root: Path) -> None:
    """Adds them all."""
    found.add("system.cmdline", partial(_command_line, root))
    for name in PARAMETERS:
        found.add(f"sysctl.{name.replace('/', '.')}", partial(_parameter, root, name))
    for name in MODULES:
        found.add(f"module.{name}", partial(_module, root, name))
    found.add("mounts", partial(_add_mounts, found, root))


def _add_mounts(found: Collector, root: Path) -> Value:
    """Adds what each is, and its options. Returns how many there are."""
    shared = list(_shared(root))
    for one in shared:
        options = sorted(option for option in one.options if option.partition("=")[0] not in OWN_OPTIONS)
        found.values[f"mount.{one.folder}"] = f"{one.type} {one.device.rpartition(':')[2]}"
        found.values[f"mount-options.{one.folder}"] = ",".join(options)
    return len(shared)


def _command_line(root: Path) -> Value:
    words = (root / "proc/cmdline").read_text().partition(" -- ")[0].split()  # behind it are those of init
    return mask(" ".join(word for word in words if word.partition("=")[0] not in OWN_WORDS))


def _parameter(root: Path, name: str) -> Value:
    """None: this kernel was built without it."""
    path = _below(root / "proc/sys", name)
    return " ".join(path.read_text().split()) if path.exists() else None


def _module(root: Path, name: str) -> Value:
    """Its version; None: it is not loaded."""
    folder = _below(root / "sys/module", name)
    if not folder.exists():
        return None
    version = folder / "version"
    return version.read_text().strip() if version.exists() else "loaded"


def _below(folder: Path, name: str) -> Path:
    """Raises OSError where there is no such folder, so that nothing can be said of what is not in it."""
    next(folder.iterdir(), None)
    return folder / name


def _shared(root: Path) -> Iterator[Mount]:
    """The last one on each folder, which is the one that is seen; none below an automounter, which comes and goes."""
    every = [mount(line) for line in (root / "proc/self/mounts").read_text().splitlines()]
    automatic = tuple(f"{one.folder}/" for one in every if one.type == "autofs")
    for one in {one.folder: one for one in every}.values():
        if one.type in SHARED and not f"{one.folder}/".startswith((*OF_ENGINE, *automatic)):
            yield one
