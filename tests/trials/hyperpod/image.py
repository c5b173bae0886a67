"""A root file system that stands for HyperPod's AMI: Debian with Slurm where HyperPod has it, made once and kept."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
from pathlib import Path

STAND_INS = Path(__file__).with_name("stand_ins")
CACHE = Path(__file__).parents[3] / ".make/hyperpod"
PACKAGES = (
    *("munge", "openssh-client", "procps", "python3", "python3-venv"),
    *("slurm-client", "slurmctld", "slurmd", "slurmdbd", "mariadb-server"),
)
ARCHIVE = ("nfs-common", "prometheus", "prometheus-alertmanager", "prometheus-node-exporter")
"""Packages that the scripts install: here each is a stand-in, in an archive that apt reads without a network."""
PLACES = {
    "systemctl": "usr/bin/systemctl",
    "aws": "usr/local/bin/aws",
    "mount": "usr/sbin/mount.lustre",
}
SET_UP = """\
set -eu
useradd --uid 1000 --create-home --shell /bin/bash ubuntu
mkdir -p /opt/slurm/etc /opt/ml/config /srv/aws /srv/shared
rm -rf /etc/slurm && ln -s /opt/slurm/etc /etc/slurm
ln -s /usr/bin /opt/slurm/bin && ln -s /usr/sbin /opt/slurm/sbin
ln -s /usr/bin/true /usr/sbin/modprobe
touch /etc/hosts
rm -f /etc/apt/sources.list /etc/apt/sources.list.d/*
echo 'deb [trusted=yes] file:/srv/archive ./' >/etc/apt/sources.list
rm -rf /var/lib/apt/lists/* /var/cache/apt/*
"""


def root() -> Path:
    """The folder with it, which nobody may write in."""
    parts = [path.read_bytes() for path in (Path(__file__), *sorted(STAND_INS.iterdir()))]
    made = CACHE / hashlib.sha256(b"".join(parts)).hexdigest()[:16]
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE.parent / "hyperpod.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # one test process makes it, others wait
        if not made.exists():
            _make(made)
    return made


def _make(made: Path) -> None:
    for old in CACHE.iterdir():
        shutil.rmtree(old)
    part = CACHE / "part"
    command = ["mmdebstrap", "--quiet", "--variant=minbase", f"--include={','.join(PACKAGES)}", "bookworm", str(part)]
    subprocess.run(command, check=True, capture_output=True, text=True)
    subprocess.run(["chroot", part, "sh", "-c", SET_UP], check=True, capture_output=True, text=True)
    for name, place in PLACES.items():
        shutil.copy(STAND_INS / name, part / place)
    _archive(part / "srv/archive")
    part.rename(made)


def _archive(folder: Path) -> None:
    folder.mkdir()
    entries = []
    for name in ARCHIVE:
        built = folder / f"{name}.deb"
        _package(folder / name, built)
        data = built.read_bytes()
        control = (folder / name / "DEBIAN/control").read_text()
        shutil.rmtree(folder / name)
        digest = hashlib.sha256(data).hexdigest()
        entries.append(f"{control}Filename: ./{built.name}\nSize: {len(data)}\nSHA256: {digest}\n")
    (folder / "Packages").write_text("\n".join(entries))


def _package(tree: Path, built: Path) -> None:
    program = tree / ("usr/sbin/mount.nfs" if built.stem == "nfs-common" else f"usr/bin/{built.stem}")
    program.parent.mkdir(parents=True)
    if built.stem == "nfs-common":
        shutil.copy(STAND_INS / "mount", program)
    else:
        program.write_text("#!/bin/sh\nexec sleep infinity\n")
        program.chmod(0o755)
    (tree / "DEBIAN").mkdir()
    control = f"Package: {built.stem}\nVersion: 9:1\nArchitecture: all\nMaintainer: nobody <nobody@invalid>\n"
    (tree / "DEBIAN/control").write_text(f"{control}Description: stands for {built.stem}\n")
    subprocess.run(["dpkg-deb", "--build", "--root-owner-group", tree, built], check=True, capture_output=True)
