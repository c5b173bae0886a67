"""Squash files for Slurm with Pyxis: by enroot, of a local builder's image or from a registry; or by mksquashfs."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from seatrial.errors import Problem, UserError
from seatrial.images import records
from seatrial.images.building.builders import Builder, run
from seatrial.images.building.building import follow
from seatrial.images.following import Tell
from seatrial.images.records import Record
from seatrial.plan import Command

INSTALL = "https://github.com/NVIDIA/enroot/blob/main/doc/installation.md"
SQUASH = Path(__file__).with_name("squash.sh")
ARCHITECTURES = {"x86_64": "amd64", "arm64": "arm64"}
"""As enroot calls them: Debian's names."""


def import_(source: Record, builder: Builder | None, folder: Path, tell: Tell) -> Record:
    """The record of a squash file in `folder`, made of what was built, or with no builder of what was pushed.

    The file has its name once it is whole. Raises UserError.
    """
    path = (folder / f"{source.name}+{source.tag}.sqsh").absolute()
    if builder is not None and builder.find(source.reference) is None:
        remedy = f"seatrial image build {source.name}"
        raise UserError(Problem(f"{source.reference} is no longer here, says {builder.name}", source.name, remedy))
    by = _tool(builder)
    if not folder.is_dir():
        raise UserError(Problem("is no folder", str(folder), "name one that all nodes share, such as /fsx/images"))
    if not path.exists():
        part = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            with tempfile.TemporaryDirectory(prefix="seatrial-import-") as work:
                command = _enroot(source, builder, part) if by == "enroot" else _squash(source, Path(work), part)
                log = records.folder() / "logs" / f"import-{source.name}-{source.tag}.log"
                follow(command, log, tell, f"{source.name} was not imported")
            part.rename(path)
        finally:
            part.unlink(missing_ok=True)
    return records.write(replace(source, kind="imported", reference=str(path), by=by, region=None))


def _tool(builder: Builder | None) -> str:
    """What makes the file. Raises UserError if nothing here can."""
    if shutil.which("enroot") and (builder is None or builder.name != "buildah" or shutil.which("podman")):
        return "enroot"
    if builder is not None and builder.name == "buildah" and shutil.which("mksquashfs"):
        return "mksquashfs"
    remedy = f"install it: {INSTALL}"
    if builder is not None and builder.name == "buildah":
        remedy += "; or install mksquashfs, by which Buildah's images are packed: apt-get install squashfs-tools"
    missing = "podman, by which enroot reads Buildah's images," if shutil.which("enroot") else "enroot"
    raise UserError(Problem(f"{missing} is not on PATH", "image import", remedy))


def _enroot(source: Record, builder: Builder | None, path: Path) -> Command:
    """https://github.com/NVIDIA/enroot/blob/main/doc/cmd/import.md"""
    if builder is None:
        registry, _, image = source.reference.partition("/")
        uri = f"docker://{registry}#{image}"
    else:
        uri = f"{'dockerd' if builder.name == 'docker' else 'podman'}://{source.reference}"
    architecture = ARCHITECTURES[source.architecture]
    return Command(argv=("enroot", "import", "--arch", architecture, "--output", str(path), uri))


def _squash(source: Record, work: Path, path: Path) -> Command:
    """By mksquashfs, with the files that enroot reads."""
    described = json.loads(run(("buildah", "inspect", "--type", "image", source.reference)))
    for name, text in configuration(described["OCIv1"]["config"]).items():
        (work / name).write_text(text, encoding="utf-8")
    command = ("sh", str(SQUASH), source.reference, str(work), str(path))
    return Command(argv=command if os.geteuid() == 0 else ("buildah", "unshare", *command))


def configuration(image: Mapping[str, Any]) -> dict[str, str]:
    """What enroot reads of an image below /etc, of the image's configuration: its command, variables, mounts."""
    folder = shlex.quote(image.get("WorkingDir") or "/")
    first, then = (shlex.join(image.get(key) or ()) for key in ("Entrypoint", "Cmd"))
    labels = [f"# {key} {value}" for key, value in sorted((image.get("Labels") or {}).items())]
    start = f"exec {first}".rstrip()
    rc = [
        *labels,
        f"mkdir -p {folder} 2>/dev/null",
        f"cd {folder} && unset OLDPWD || exit 1",
        "if [ -s /etc/rc.local ]; then . /etc/rc.local; fi",
        f'if [ $# -gt 0 ]; then {start} "$@"; else {start} {then or ("" if first else "/bin/sh")}; fi',
    ]
    volumes = [
        f"${{ENROOT_ROOTFS}}{path} {path} none x-create=dir,bind,rw,nosuid,nodev"
        for path in sorted(image.get("Volumes") or {})
    ]
    return {
        "rc": "\n".join(rc) + "\n",
        "environment": "".join(f"{line}\n" for line in image.get("Env") or ()),
        "fstab": "".join(f"{line}\n" for line in volumes),
    }
