"""A built image goes elsewhere: really pushed to a registry, and really made a squash file.

A small one stands for that of cpu-ddp, whose gigabyte would only take longer.
"""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from seatrial.config.file import parse
from seatrial.images import records
from seatrial.images.records import Record
from tests.trials.images.containers.conftest import Place
from tests.trials.images.containers.registry import Registry

pytestmark = pytest.mark.timeout(1200)  # base and image are built by the first test that looks at them

CLUSTER = '[clusters.c]\nlauncher = "{launcher}"\nnodes = 1\ncpus_per_node = 2\nimage = "cpu-ddp"\n{more}'


@pytest.fixture
def built(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Record:
    """The record of an image that is here."""
    monkeypatch.setenv("XDG_STATE_HOME", str(place.state))
    folder = tmp_path / "context"
    folder.mkdir()
    command = 'CMD ["sh", "-c", "echo $GREETING"]'
    lines = (f"FROM {place.engine.base}", 'ENV GREETING="good morning"', command, "WORKDIR /tmp")
    (folder / "Dockerfile").write_text("\n".join(lines) + "\n")
    place.engine.run("buildah", "build", "--layers", "--tag", "seatrial/cpu-ddp:cpu-0", str(folder))
    image = place.engine.run(
        "buildah", "inspect", "--type", "image", "--format", "{{.FromImageID}}", "seatrial/cpu-ddp:cpu-0"
    )
    return records.write(
        Record(
            kind="built", name="cpu-ddp", tag="cpu-0", stack="cpu", architecture="x86_64", by="buildah",
            reference="seatrial/cpu-ddp:cpu-0", digest=f"sha256:{image.stdout.strip()}",
        )
    )  # fmt: skip


def test_what_is_pushed_is_what_was_built_and_a_cluster_may_name_it(place: Place, registry: Registry, built: Record):
    words = ("image", "push", "cpu-ddp", "--registry", f"{registry.host}/team", "--json", "--", "--tls-verify=false")
    pushed = json.loads(place.seatrial(*words).stdout)
    digest, manifest = registry.manifest("team/cpu-ddp", built.tag)
    assert pushed["digest"] == digest
    assert f"sha256:{manifest['config']['digest'].removeprefix('sha256:')}" == built.digest
    assert pushed["pinned"] == f"{registry.host}/team/cpu-ddp@{digest}"

    found = parse(CLUSTER.format(launcher="kubernetes", more=""), "f")["c"]
    assert found.image == pushed["pinned"]
    pulled = place.engine.run("buildah", "pull", "--quiet", "--tls-verify=false", found.image).stdout.strip()
    assert f"sha256:{pulled}" == built.digest


def test_the_squash_file_has_the_image_and_what_enroot_reads(place: Place, tmp_path: Path, built: Record):
    """No enroot is to be had here: what it would do with /etc/rc, a shell does in a chroot."""
    before = [place.engine.run("buildah", what, "--quiet").stdout for what in ("images", "containers")]
    (tmp_path / "images").mkdir()
    made = Record(
        **json.loads(place.seatrial("image", "import", "cpu-ddp", "-o", str(tmp_path / "images"), "--json").stdout)
    )
    path = tmp_path / f"images/cpu-ddp+{built.tag}.sqsh"
    assert made == replace(built, kind="imported", reference=str(path), by="mksquashfs", made=made.made)
    assert os.listdir(path.parent) == [path.name]
    assert before == [place.engine.run("buildah", what, "--quiet").stdout for what in ("images", "containers")]

    root = tmp_path / "root"
    subprocess.run(["unsquashfs", "-quiet", "-no-progress", "-dest", root, path], check=True, capture_output=True)
    assert not list((root / "dev").iterdir())
    variables = (root / "etc/environment").read_text().splitlines()
    start = ["env", "-i", *variables, "chroot", str(root), "sh", "/etc/rc"]
    assert subprocess.run(start, check=True, capture_output=True, text=True).stdout == "good morning\n"
    assert subprocess.run([*start, "pwd"], check=True, capture_output=True, text=True).stdout == "/tmp\n"

    assert records.newest(records.read("cpu-ddp"), "imported") == made
    found = parse(CLUSTER.format(launcher="slurm", more='container = "pyxis"'), "f")["c"]
    assert found.image == str(path)
