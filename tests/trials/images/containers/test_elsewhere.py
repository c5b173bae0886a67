"""A built image goes elsewhere: really pushed to a registry, and really made a squash file."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import replace
from pathlib import Path

from seatrial.config.file import parse
from seatrial.images import records
from seatrial.images.records import Record
from tests.trials.images.containers.conftest import Place
from tests.trials.images.containers.registry import Registry

CLUSTER = '[clusters.c]\nlauncher = "{launcher}"\nnodes = 1\ncpus_per_node = 2\nimage = "cpu-ddp"\n{more}'


def test_what_is_pushed_is_what_was_built_and_a_cluster_may_name_it(place: Place, registry: Registry, monkeypatch):
    built = place.image("cpu-ddp")
    words = ("image", "push", "cpu-ddp", "--registry", f"{registry.host}/team", "--json", "--", "--tls-verify=false")
    pushed = json.loads(place.seatrial(*words).stdout)
    digest, manifest = registry.manifest("team/cpu-ddp", built.tag)
    assert pushed["digest"] == digest
    assert f"sha256:{manifest['config']['digest'].removeprefix('sha256:')}" == built.digest
    assert pushed["pinned"] == f"{registry.host}/team/cpu-ddp@{digest}"

    monkeypatch.setenv("XDG_STATE_HOME", str(place.state))
    found = parse(CLUSTER.format(launcher="kubernetes", more=""), "f")["c"]
    assert found.image == pushed["pinned"]
    pulled = place.engine.run("buildah", "pull", "--quiet", "--tls-verify=false", found.image).stdout.strip()
    assert f"sha256:{pulled}" == built.digest


def test_the_squash_file_has_the_image_and_what_enroot_reads(place: Place, tmp_path: Path, monkeypatch):
    """No enroot is to be had here: what it would do with /etc/rc, a shell does in a chroot."""
    built = place.image("cpu-ddp")
    before = place.engine.run("buildah", "images", "--quiet").stdout
    made = Record(**json.loads(place.seatrial("image", "import", "cpu-ddp", "-o", str(tmp_path), "--json").stdout))
    path = tmp_path / f"cpu-ddp+{built.tag}.sqsh"
    assert made == replace(built, kind="imported", reference=str(path), by="mksquashfs", made=made.made)
    assert sorted(os.listdir(tmp_path)) == [path.name]
    assert place.engine.run("buildah", "images", "--quiet").stdout == before
    assert place.engine.run("buildah", "containers", "--quiet").stdout == ""

    root = tmp_path / "root"
    subprocess.run(["unsquashfs", "-quiet", "-no-progress", "-dest", root, path], check=True, capture_output=True)
    assert not list((root / "dev").iterdir())
    variables = (root / "etc/environment").read_text().splitlines()
    assert "PATH=/opt/seatrial/venv/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" in variables
    start = ["env", "-i", *variables, "chroot", str(root), "sh", "/etc/rc", "python", "-m", "seatrial", "--version"]
    assert "seatrial" in subprocess.run(start, check=True, capture_output=True, text=True).stdout

    monkeypatch.setenv("XDG_STATE_HOME", str(place.state))
    assert records.newest(records.read("cpu-ddp"), "imported") == made
    found = parse(CLUSTER.format(launcher="slurm", more='container = "pyxis"'), "f")["c"]
    assert found.image == str(path)
