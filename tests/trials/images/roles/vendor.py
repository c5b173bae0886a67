"""What vendors publish, as stand-ins of the right names and versions: packages, signed lists, archives, sources."""

from __future__ import annotations

import hashlib
import io
import os
import re
import shutil
import subprocess
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from seatrial.images.machines.ansible import FOLDER
from tests.trials.images.roles.root import debian

UNIT = "[Unit]\nDescription=stand-in\n[Service]\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\n"


@dataclass(frozen=True)
class Package:
    """A Debian package with nothing in it but a unit."""

    name: str
    version: str
    unit: str = ""
    depends: str = ""
    recommends: str = ""


DRIVER = tuple(
    package
    for version in ("580.167.08-1ubuntu1", "580.178.04-1ubuntu1")
    for package in (
        Package("nvidia-open", version, depends="nvidia-kernel-open-dkms", recommends="nvidia-persistenced"),
        Package("nvidia-kernel-open-dkms", version),
        Package("nvidia-persistenced", version, unit="nvidia-persistenced"),
        Package("nvidia-fabricmanager", version, unit="nvidia-fabricmanager"),
        Package("nvlink5-580", version),
    )
)
NCCL = tuple(
    Package(name, version)
    for version in ("2.29.7-1+cuda12.9", "2.29.7-1+cuda13.2", "2.32.3-1+cuda13.4")
    for name in ("libnccl2", "libnccl-dev")
)
TOOLKIT = tuple(
    Package(name, version)
    for version in ("1.19.1-1", "1.20.1-1")
    for name in (
        *("nvidia-container-toolkit", "nvidia-container-toolkit-base"),
        *("libnvidia-container-tools", "libnvidia-container1"),
    )
)
CUDA = (
    *DRIVER,
    *NCCL,
    *TOOLKIT,
    *(Package("cuda-toolkit-13-0", version) for version in ("13.0.2-1", "13.0.3-1", "13.0.4-1")),
    *(
        Package(name, version, unit="nvidia-dcgm" if name.endswith("core") else "")
        for version in ("1:4.6.0-1", "1:4.7.0-1")
        for name in ("datacenter-gpu-manager-4-core", "datacenter-gpu-manager-4-cuda13")
    ),
    Package("datacenter-gpu-manager-exporter", "4.8.2-1", unit="nvidia-dcgm-exporter"),
    Package("datacenter-gpu-manager-exporter", "4.9.0-1", unit="nvidia-dcgm-exporter"),
)
NEURON = (
    *(Package("aws-neuronx-dkms", version) for version in ("2.26.5.0", "2.27.0.0")),
    Package("aws-neuronx-runtime-lib", "2.30.51.0-0f1dac251"),
    Package("aws-neuronx-collectives", "2.30.59.0-838c7fc8b"),
    Package("aws-neuronx-tools", "2.28.23.0"),
)
LUSTRE = (Package("lustre-client-modules-aws", "2.15.6-1fsx34"),)

EFA = """\
#!/bin/bash
set -eu
[ -z "${EFA_FAILS:-}" ] || { echo "no such kernel"; exit 1; }
mkdir -p /opt/amazon/efa/bin /opt/amazon/ofi-nccl/lib /opt/amazon/openmpi5
printf '#!/bin/sh\\necho libfabric: 2.6.0\\n' >/opt/amazon/efa/bin/fi_info
chmod +x /opt/amazon/efa/bin/fi_info
touch /opt/amazon/ofi-nccl/lib/libnccl-net-ofi.so
printf '# EFA installer version: %s\\n# Packages installed:\\n' VERSION >/opt/amazon/efa_installed_packages
echo "VERSION $*" >>/opt/amazon/log
"""
GDRCOPY = """\
#!/bin/bash
set -eu
[ "$CUDA" = /usr/local/cuda ]
for name in gdrdrv-dkms libgdrapi gdrcopy-tests gdrcopy; do
    mkdir -p $name/DEBIAN
    depends=libgdrapi
    case $name in libgdrapi | gdrdrv-dkms) depends=libc6 ;; esac
    printf '%s\\n' "Package: $name" "Version: 2.5.2-1" "Architecture: all" "Depends: $depends" \\
        "Maintainer: n <n@invalid>" "Description: stand-in" >$name/DEBIAN/control
    dpkg-deb --build --root-owner-group $name ${name}_2.5.2-1_all.Ubuntu24_04.deb
done
"""
NCCL_TESTS = """\
all:
\ttest "$(MPI)" = 1 && test -d "$(MPI_HOME)" && test -n "$(CUDA_HOME)"
\tmkdir -p $(BUILDDIR)
\tprintf '#!/bin/sh\\necho all_reduce\\n' >$(BUILDDIR)/all_reduce_perf
\tprintf '#!/bin/sh\\necho all_gather\\n' >$(BUILDDIR)/all_gather_perf
"""
ENROOT = """\
prefix ?= /usr
install:
\ttest -e deps/musl/README
\tprintf '#!/bin/sh\\necho 4.2.1\\n' >$(prefix)/bin/enroot && chmod +x $(prefix)/bin/enroot
setcap:
\techo setcap >>$(prefix)/share/enroot-setcap
"""
PYXIS = """\
prefix ?= /usr
install:
\techo '#include <slurm/spank.h>' | $(CC) $(CPPFLAGS) -E - >/dev/null
\tmkdir -p $(prefix)/lib/slurm && touch $(prefix)/lib/slurm/spank_pyxis.so
"""


@dataclass(frozen=True)
class Vendor:
    """All of them, in a folder that root file systems see as /srv/vendor."""

    folder: Path
    fingerprint: str
    """Of the key that signs the repositories."""
    settings: Mapping[str, str]
    """What a user gives with `--set` to take archives and sources from here."""


def publish(folder: Path) -> Vendor:
    """Make everything."""
    fingerprint = _key(folder)
    for name, packages in {"cuda": CUDA, "neuron": NEURON, "lustre": LUSTRE}.items():
        _repository(folder, name, packages)
    _distribution(folder / "distribution")
    settings = {}
    archives = {
        "efa_installer": {"aws-efa-installer/efa_installer.sh": EFA.replace("VERSION", "1.50.0")},
        "efa_next": {"aws-efa-installer/efa_installer.sh": EFA.replace("VERSION", "1.51.0")},
        "node_exporter": {"node_exporter-1/node_exporter": "#!/bin/sh\necho node_exporter\n"},
    }
    for name, files in archives.items():
        sha256 = _archive(folder / f"{name}.tar.gz", files)
        settings |= {f"{name}.url": f"file:///srv/vendor/{name}.tar.gz", f"{name}.sha256": sha256}
    _git(folder / "git/musl", {"README": "musl\n"})
    sources = {
        "gdrcopy": {"packages/build-deb-packages.sh": GDRCOPY},
        "nccl_tests": {"Makefile": NCCL_TESTS},
        "pyxis": {"Makefile": PYXIS},
        "enroot": {"Makefile": ENROOT},
    }
    for name, files in sources.items():
        commit = _git(folder / f"git/{name}", files, submodule=folder / "git/musl" if name == "enroot" else None)
        settings |= {f"{name}.repository": f"file:///srv/vendor/git/{name}", f"{name}.commit": commit}
    # gpg started an agent, which would stay
    subprocess.run(["gpgconf", "--homedir", str(folder / "gnupg"), "--kill", "all"], check=True)
    return Vendor(folder, fingerprint, settings)


def _key(folder: Path) -> str:
    home = folder / "gnupg"
    home.mkdir(parents=True, mode=0o700)
    gpg = ["gpg", "--homedir", str(home), "--batch", "--quiet"]
    subprocess.run([*gpg, "--passphrase", "", "--quick-gen-key", "Vendor <v@invalid>"], check=True, capture_output=True)
    (folder / "key.asc").write_bytes(
        subprocess.run([*gpg, "--armor", "--export"], check=True, capture_output=True).stdout
    )
    told = subprocess.run([*gpg, "--list-keys", "--with-colons"], check=True, capture_output=True, text=True).stdout
    match = re.search(r"^fpr:+(\w+):", told, re.MULTILINE)
    assert match
    return match[1]


def _repository(folder: Path, name: str, packages: tuple[Package, ...]) -> None:
    """As NVIDIA's, with the list beside the packages, and as others', with suites."""
    root = folder / name
    root.mkdir()
    text = "\n".join(_package(root, one) for one in packages)
    for place, lists in ((root, "Packages"), (root / "dists/noble", "main/binary-amd64/Packages")):
        (place / lists).parent.mkdir(parents=True, exist_ok=True)
        (place / lists).write_text(text)
        size, sha256 = len(text.encode()), hashlib.sha256(text.encode()).hexdigest()
        (place / "Release").write_text(
            "Origin: vendor\nSuite: noble\nCodename: noble\nComponents: main\nArchitectures: amd64\n"
            f"Date: Sun, 01 Nov 2026 00:00:00 UTC\nSHA256:\n {sha256} {size} {lists}\n"
        )
        sign = [
            "gpg",
            "--homedir",
            str(folder / "gnupg"),
            "--batch",
            "--clearsign",
            "--output",
            str(place / "InRelease"),
        ]
        subprocess.run([*sign, str(place / "Release")], check=True, capture_output=True)


def _distribution(folder: Path) -> None:
    """Every package of the distribution that a role names and the root file system lacks."""
    known = set((debian() / "srv/distribution").read_text().split())
    installed = set(re.findall(r"(?m)^Package: (\S+)$", (debian() / "var/lib/dpkg/status").read_text()))
    words = {word for path in FOLDER.rglob("*.yml") for word in re.findall(r"[\w.+-]+", path.read_text())}
    folder.mkdir()
    units = {"docker.io": "docker"}
    names = sorted((words & known) - installed)
    packages = [_package(folder, Package(name, "9:1", unit=units.get(name, ""))) for name in names]
    (folder / "Packages").write_text("\n".join(packages))


def _package(folder: Path, one: Package) -> str:
    """Build it; what the list of packages says of it."""
    tree = folder / "tree"
    (tree / "DEBIAN").mkdir(parents=True)
    lines = [f"Package: {one.name}", f"Version: {one.version}", "Architecture: all", "Maintainer: n <n@invalid>"]
    lines += [f"{key}: {value}" for key, value in (("Depends", one.depends), ("Recommends", one.recommends)) if value]
    control = "\n".join([*lines, "Description: stand-in", ""])
    (tree / "DEBIAN/control").write_text(control)
    if one.unit:
        unit = tree / f"lib/systemd/system/{one.unit}.service"
        unit.parent.mkdir(parents=True)
        unit.write_text(UNIT)
    built = folder / f"{one.name}_{one.version.replace(':', '-')}_all.deb"
    command = ["dpkg-deb", "-Zgzip", "-z1", "--build", "--root-owner-group", str(tree), str(built)]
    subprocess.run(command, check=True, capture_output=True)
    shutil.rmtree(tree)
    data = built.read_bytes()
    return f"{control}Filename: ./{built.name}\nSize: {len(data)}\nSHA256: {hashlib.sha256(data).hexdigest()}\n"


def _archive(path: Path, files: Mapping[str, str]) -> str:
    with tarfile.open(path, "w:gz") as archive:
        for name, text in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(text.encode()), 0o755
            archive.addfile(info, io.BytesIO(text.encode()))
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _git(folder: Path, files: Mapping[str, str], submodule: Path | None = None) -> str:
    """A repository whose newest commit is not the one that is wanted: that one's id."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)
    who = {f"GIT_{one}_{what}": "n@invalid" for one in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    env = {"PATH": os.environ["PATH"], "HOME": str(folder), **who}

    def git(*argv: str) -> str:
        command = ["git", "-c", "protocol.file.allow=always", "-C", str(folder), *argv]
        return subprocess.run(command, check=True, capture_output=True, text=True, env=env).stdout.strip()

    git("init", "--quiet")
    if submodule:
        git("submodule", "--quiet", "add", f"file://{submodule}", "deps/musl")
        git("config", "--file", ".gitmodules", "submodule.deps/musl.url", "file:///srv/vendor/git/musl")
    git("add", "--all")
    git("commit", "--quiet", "--message", "wanted")
    commit = git("rev-parse", "HEAD")
    (folder / next(iter(files))).write_text("#!/bin/sh\nexit 1\n")
    git("commit", "--quiet", "--all", "--message", "newer")
    return commit
