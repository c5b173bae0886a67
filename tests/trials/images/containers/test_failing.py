"""Builds that fail for real: what is said, what is kept, and that nothing has a tag."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.trials.images.containers import stand_ins
from tests.trials.images.containers.conftest import Place
from tests.trials.images.containers.registry import Registry


def failed(place: Place, name: str, *words: str) -> tuple[str, str]:
    """What the command said, and the text of the log that it names."""
    done = place.build(name, *words, check=False)
    assert done.returncode == 2 and "Traceback" not in done.stderr, done.stderr
    log = done.stderr.rpartition("its log: ")[2].strip()
    return done.stderr, Path(log).read_text()


def tags(place: Place, name: str) -> list[str]:
    return [
        line for line in place.engine.run("buildah", "images", "--format", "{{.Name}}").stdout.split() if name in line
    ]


def test_an_installer_with_another_checksum_is_not_started(place):
    said, log = failed(place, "node", "--build-arg", f"EFA_INSTALLER_SHA256={'0' * 64}")
    assert "node was not built: a file is not the one that was pinned at [" in said and "efa_installer" in said
    assert "computed checksum did NOT match" in log and "Extracting" not in log
    assert not tags(place, "seatrial/node")
    assert not list((place.state / "seatrial/images/node").glob("*")), "nothing is recorded"


def test_a_self_test_that_fails_leaves_no_tag(place, tmp_path):
    """The base claims to be for another processor: its last step finds out, after all others succeeded."""
    folder = tmp_path / "base"
    folder.mkdir()
    (folder / "Dockerfile").write_text(
        f"FROM {place.engine.base}\nRUN mv /bin/uname /bin/uname.real && mkdir -p /etc/python3.11\n"
        "RUN echo 'import platform; platform.machine = lambda: \"pdp11\"' > /etc/python3.11/sitecustomize.py\n"
    )
    place.engine.run("buildah", "build", "--layers", "--tag", "localhost/another:1", str(folder))
    said, log = failed(place, "cpu-ddp", "--build-arg", "BASE=localhost/another:1")
    assert "MISSING a processor x86_64: built for another platform" in log
    assert "cpu-ddp was not built at [" in said and "self_test.py" in said
    kept = place.engine.run("buildah", "images", "--format", "{{.Name}}:{{.Tag}}").stdout
    assert f":{log and said.partition('logs/cpu-ddp-')[2].partition('.log')[0]}" not in kept


def test_a_base_that_is_gone_says_so(place: Place, registry: Registry):
    base = f"{registry.host}/base@sha256:{'0' * 64}"
    done = place.seatrial(
        "image", "build", "cpu-ddp", "--builder", "buildah", "--build-arg", f"BASE={base}", "--", "--tls-verify=false",
        check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "a base is no longer what it was: its registry has no such image" in done.stderr
    assert "--set base.digest=sha256:" in done.stderr and "its log: " in done.stderr


def test_a_base_that_can_move_is_refused_before_anything_is_built(place):
    done = place.seatrial("image", "build", "cpu-ddp", "--build-arg", "BASE=ubuntu:latest", check=False)
    assert done.returncode == 2 and "has the tag latest: it may be another base tomorrow" in done.stderr


def test_what_is_given_by_mistake_is_refused_together(place):
    done = place.seatrial("image", "build", "cpu-ddp", "--set", "nccl=1", "--architecture", "arm64", check=False)
    assert done.returncode == 2 and done.stderr.count("error: ") >= 1
    assert json.loads((place.engine.given / stand_ins.ARGUMENTS).read_text())
    with pytest.raises(AssertionError):
        place.seatrial("image", "show", "fdsp")
