"""enroot and pyxis, by which jobs run container images."""

from __future__ import annotations

from pathlib import Path

from . import downloads
from .apt import LOCK_SECONDS
from .files import folder, with_lines, write
from .node import Node
from .steps import Failure, log, run, succeeds

PLUGINS = ("/opt/slurm/lib/slurm", "/opt/slurm/lib64/slurm", "/usr/local/lib/slurm", "/usr/lib/x86_64-linux-gnu/slurm")
"""Where spank_pyxis.so may be."""
PLUGSTACK = Path("/opt/slurm/etc/plugstack.conf")
DISKS = ("/opt/dlami/nvme", "/opt/sagemaker")
"""Where HyperPod mounts local disks, and else the second volume; the first that is there holds unpacked images."""
CONF = """\
ENROOT_RUNTIME_PATH /run/enroot/user-$(id -u)
ENROOT_CACHE_PATH {folder}/cache-$(id -u)
ENROOT_DATA_PATH {folder}/data-$(id -u)
ENROOT_SQUASH_OPTIONS -noI -noD -noF -noX -no-duplicates
ENROOT_ROOTFS_WRITABLE yes
ENROOT_MOUNT_HOME no
ENROOT_RESTRICT_DEV no
"""
REMEDY = "name Debian packages of enroot and pyxis as container_packages, or set containers = false"


def install(node: Node) -> None:
    """On every node: what is not on the AMI comes from the packages of the settings, by their checksums."""
    packages = node.settings["container_packages"]
    if not (succeeds("enroot", "version") and _plugin()):
        paths = [str(downloads.fetch(one["url"], one["sha256"])) for one in packages]
        if paths:
            command = ("apt-get", "-q", "-y", "-o", f"DPkg::Lock::Timeout={LOCK_SECONDS}", "install", *paths)
            run(*command, remedy="see whether the packages are for this distribution and this Slurm")
            log(f"    installed {', '.join(one['url'].rpartition('/')[2] for one in packages)}")
    plugin = _plugin()
    if not plugin or not succeeds("enroot", "version"):
        raise Failure(
            "there is no enroot on this node" if plugin else "there is no spank_pyxis.so on this node", REMEDY
        )
    place = next((disk for disk in DISKS if Path(disk).is_dir()), "/var/lib")
    folder(Path(place) / "enroot", 0o1777)
    write(Path("/etc/enroot/enroot.conf"), CONF.format(folder=f"{place}/enroot"))
    # What is below /run is gone after a start: systemd makes these anew.
    lines = "".join(f"d {path} 1777 root root\n" for path in ("/run/enroot", "/run/pyxis"))
    if write(Path("/etc/tmpfiles.d/seatrial.conf"), lines):
        run("systemd-tmpfiles", "--create", "/etc/tmpfiles.d/seatrial.conf", remedy="see what it says")
    if node.role == "controller":
        text = PLUGSTACK.read_text() if PLUGSTACK.exists() else ""
        write(PLUGSTACK, with_lines(text, [f"required {plugin}"]))


def _plugin() -> Path | None:
    return next((path for path in (Path(one) / "spank_pyxis.so" for one in PLUGINS) if path.exists()), None)
