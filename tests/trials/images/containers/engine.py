"""Buildah with a storage of its own, over a Debian root file system: no daemon, no registry, no user namespaces.

What images are made from stands for what they would be made from elsewhere: Debian 12 for Ubuntu, by the build argument
BASE; this machine's own places of Python packages for PyPI, by the secret that the Dockerfiles take. The base, the
storage and its layers are kept in .make/images, so that images of later tests share them.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from seatrial.environments._pip import setting
from seatrial.versions import TORCH, TORCH_CPU_INDEX
from tests.trials.images.containers import stand_ins

KEPT = Path(__file__).parents[4] / ".make/images"
# What compiles nccl-tests is in the base, so that it is fetched once; all else the builds install.
PACKAGES = ("ca-certificates", "g++", "git", "make")
INSIDE = "/srv/host"
"""Folder of a build in which this machine's places of packages are seen."""


def missing() -> str:
    """Why no image can be built here; empty if one can."""
    absent = [name for name in ("buildah", "mmdebstrap", "mksquashfs", "cc", "git") if shutil.which(name) is None]
    if absent:
        return f"not on PATH: {', '.join(absent)}"
    return "" if os.geteuid() == 0 else "needs root"


@dataclass(frozen=True)
class Engine:
    """A storage that Buildah uses where the environment says so."""

    folder: Path

    @property
    def environment(self) -> Mapping[str, str]:
        return {
            "CONTAINERS_STORAGE_CONF": str(self.folder / "storage.conf"),
            "CONTAINERS_CONF": str(self.folder / "containers.conf"),
            "BUILDAH_ISOLATION": "chroot",
        }

    @property
    def given(self) -> Path:
        """Folder of the stand-ins."""
        return self.folder / "given"

    @property
    def base(self) -> str:
        """Reference of the base image."""
        return f"localhost/debian:{self.folder.name}"

    def words(self) -> list[str]:
        """What a build here is given beside its own arguments."""
        return ["--secret", f"id=pip,src={self.folder / 'pip.conf'}"]

    def run(self, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """A command that finds the storage."""
        env = {**os.environ, **self.environment}
        done = subprocess.run(command, capture_output=True, text=True, env=env)
        assert not check or done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        return done

    @contextlib.contextmanager
    def container(self, image: str) -> Iterator[str]:
        """One that is thrown away."""
        name = self.run("buildah", "from", "--pull-never", image).stdout.strip()
        try:
            yield name
        finally:
            self.run("buildah", "rm", name)

    @contextlib.contextmanager
    def root(self, image: str) -> Iterator[Path]:
        """Its root file system."""
        with self.container(image) as container:
            yield Path(self.run("buildah", "mount", container).stdout.strip())

    def leave(self) -> None:
        """Buildah leaves its storage mounted, which nobody can remove then; it mounts it again when it needs it."""
        command = ["umount", "--lazy", str(self.folder / "storage/overlay")]
        subprocess.run(command, capture_output=True, text=True)

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """The storage is this process' alone."""
        with (KEPT / "building.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def engine() -> Engine:
    """The storage with the base in it, and the stand-ins beside."""
    KEPT.mkdir(parents=True, exist_ok=True)
    sources = Path(__file__).read_bytes() + Path(stand_ins.__file__).read_bytes()
    made = Engine(KEPT / hashlib.sha256(sources).hexdigest()[:12])
    with made.held():
        for old in KEPT.glob("*/storage.conf"):
            if old.parent != made.folder:
                shutil.rmtree(old.parent)
        made.folder.mkdir(exist_ok=True)
        if not made.given.exists():
            stand_ins.make(made.given)
        _configure(made)
        if made.run("buildah", "inspect", "--type", "image", made.base, check=False).returncode:
            _make_base(made)
    return made


def _configure(made: Engine) -> None:
    folder = made.folder
    storage = f'[storage]\ndriver = "overlay"\ngraphroot = "{folder}/storage"\nrunroot = "{folder}/run"\n'
    (folder / "storage.conf").write_text(storage)
    options, volumes = _pip_settings()
    lines = "".join(f"{key} = {value}\n" for key, value in options.items())
    (folder / "pip.conf").write_text(f"[global]\n{lines}")
    volumes.append(f"{made.given}:{stand_ins.SEEN_AS}:ro")
    (folder / "containers.conf").write_text(f"[containers]\nvolumes = {json.dumps(volumes)}\n")


def _make_base(made: Engine) -> None:
    root = made.folder / "base.tar"
    include = f"--include={','.join(PACKAGES)}"
    subprocess.run(["mmdebstrap", "--quiet", "--variant=minbase", include, "bookworm", str(root)], check=True)
    context = made.folder / "base"
    context.mkdir(exist_ok=True)
    root.rename(context / root.name)
    (context / "Dockerfile").write_text(f"FROM scratch\nADD {root.name} /\n")
    made.run("buildah", "build", "--layers=false", "--tag", made.base, str(context))
    shutil.rmtree(context)


PIP = ("index-url", "extra-index-url", "find-links", "trusted-host", "cert")
"""Settings that say where packages come from."""


def _pip_settings() -> tuple[dict[str, str], list[str]]:
    """This machine's, as a build sees them, and the volumes by which it does."""
    volumes: list[str] = []
    found = {name: [_seen(word, volumes) for word in setting(name).split()] for name in PIP}
    if not torch_is_here(TORCH):
        found["extra-index-url"].append(TORCH_CPU_INDEX)
    return {name: " ".join(words) for name, words in found.items() if words}, volumes


def _seen(word: str, volumes: list[str]) -> str:
    """A value; of one that names a place of this machine, that place as a build sees it."""
    path = word.removeprefix("file://")
    if not path.startswith("/"):
        return word
    # the pages of an index lead to files beside it
    place = os.path.dirname(path.rstrip("/")) if word.startswith("file://") else path
    source = os.path.realpath(place) if os.path.isfile(place) else place
    volumes.append(f"{source}:{INSIDE}{place}:ro")
    return word.replace(path, f"{INSIDE}{path}")


def torch_is_here(version: str) -> bool:
    """Whether a folder of this machine holds torch's CPU build, so that PyTorch's index need not be asked."""
    folders = [Path(word) for word in setting("find-links").split()]
    return any(list(folder.glob(f"torch-{version}+cpu-*.whl")) for folder in folders if folder.is_dir())
