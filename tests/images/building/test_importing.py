"""Squash files: how enroot is called, what it reads of an image, and that a file has its name once it is whole."""

from __future__ import annotations

import shlex
import subprocess

import pytest

from seatrial.errors import UserError
from seatrial.images import records
from seatrial.images.building import builders, registry
from seatrial.images.building.building import build
from seatrial.images.building.importing import configuration, import_


@pytest.mark.parametrize(
    ("here", "uri"), [(["docker"], "dockerd"), (["podman"], "podman"), (["buildah", "podman"], "podman")]
)
def test_enroot_reads_the_images_of_each_builder(programs, context, told, tmp_path, here, uri):
    programs.install("enroot", *here)
    record = build(context, builders.find(here[0]), told)
    made = import_(record, builders.find(here[0]), tmp_path, told)
    (call,) = programs.called("enroot")
    assert call[:5] == ["enroot", "import", "--arch", "amd64", "--output"]
    assert call[5] != made.reference and call[6] == f"{uri}://{context.reference}"
    assert made.reference == str(tmp_path / f"fsdp+{context.tag}.sqsh") and made.by == "enroot"
    assert (tmp_path / f"fsdp+{context.tag}.sqsh").read_text() == "squash"
    assert records.newest(records.read("fsdp"), "imported") == made
    import_(record, builders.find(here[0]), tmp_path, told)
    assert len(programs.called("enroot")) == 1, "it is there already"


def test_enroot_reads_a_registry(programs, context, told, tmp_path):
    programs.install("enroot", "buildah")
    record = build(context, builders.find("buildah"), told)
    pushed = registry.push(record, builders.find("buildah"), registry.other("registry.example/team", "fsdp"), told)
    import_(pushed, None, tmp_path, told)
    assert programs.called("enroot")[0][-1] == f"docker://registry.example#team/fsdp:{context.tag}"


def test_a_failed_import_leaves_no_file(programs, context, told, tmp_path):
    programs.install("enroot", "podman")
    record = build(context, builders.find("podman"), told)
    programs.fail("enroot", "import", "[ERROR] no space left on device\n")
    with pytest.raises(UserError, match="fsdp was not imported: the disk is full"):
        import_(record, builders.find("podman"), tmp_path, told)
    assert not list(tmp_path.glob("*.sqsh*")) and not list(tmp_path.glob(".*.sqsh*"))
    assert records.newest(records.read(), "imported") is None


@pytest.mark.parametrize(
    ("here", "told_", "remedy"),
    [
        (["docker"], "enroot is not on PATH", "installation.md"),
        (["buildah"], "enroot is not on PATH", "apt-get install squashfs-tools"),
        (["buildah", "enroot"], "podman, by which enroot reads Buildah's images, is not on PATH", "squashfs-tools"),
    ],
)
def test_what_is_missing_is_told_with_the_remedy(programs, context, told, tmp_path, here, told_, remedy):
    programs.install(*here)
    record = build(context, builders.find(here[0]), told)
    with pytest.raises(UserError) as caught:
        import_(record, builders.find(here[0]), tmp_path, told)
    (problem,) = caught.value.problems
    assert problem.what == told_ and remedy in problem.remedy


def test_a_folder_that_is_not_there_is_refused(programs, context, told, tmp_path):
    programs.install("enroot", "docker")
    record = build(context, builders.find("docker"), told)
    with pytest.raises(UserError, match=r"is no folder\n.*all nodes share"):
        import_(record, builders.find("docker"), tmp_path / "none", told)


IMAGE = {
    "Env": ["PATH=/bin:/usr/bin", "A=b c"],
    "Labels": {"b": "2", "a": "1"},
    "WorkingDir": "/",
    "Volumes": {"/data": {}},
}


@pytest.mark.parametrize(
    ("more", "words", "printed"),
    [
        ({"Cmd": ["echo", "a  b"]}, [], "a  b"),
        ({"Cmd": ["echo", "a"]}, ["echo", "c  d"], "c  d"),
        ({"Entrypoint": ["echo", "it's"], "Cmd": ["a"]}, [], "it's a"),
        ({"Entrypoint": ["echo", "e"], "Cmd": ["a"]}, ["x  y"], "e x  y"),
        ({"Entrypoint": ["echo", "alone"]}, [], "alone"),
    ],
)
def test_the_command_is_what_the_image_says(more, words, printed, tmp_path):
    files = configuration({**IMAGE, **more})
    (tmp_path / "rc").write_text(files["rc"])
    done = subprocess.run(["sh", tmp_path / "rc", *words], capture_output=True, text=True, check=True)
    assert done.stdout == f"{printed}\n", shlex.join(words)
    assert files["rc"].startswith("# a 1\n# b 2\n")
    assert files["environment"] == "PATH=/bin:/usr/bin\nA=b c\n"
    assert files["fstab"] == "${ENROOT_ROOTFS}/data /data none x-create=dir,bind,rw,nosuid,nodev\n"


def test_an_image_that_says_nothing_starts_a_shell():
    assert "exec /bin/sh;" in configuration({})["rc"].replace("exec  /bin/sh", "exec /bin/sh")
