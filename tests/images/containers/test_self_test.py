"""The test that ends a build names all that an image lacks, and writes down what it has."""

from __future__ import annotations

import json
import platform
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from seatrial.images.containers import rendering

PROGRAM = Path(rendering.__file__).with_name("self_test.py")
REFERENCE = "docker.io/library/ubuntu:24.04@sha256:0"
UBUNTU = {"type": "library", "bom-ref": "pkg:oci/ubuntu@0", "name": "ubuntu", "purl": "pkg:oci/ubuntu@0"}


class Image:
    """A folder that stands for /opt/seatrial."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        shutil.copy(PROGRAM, folder)
        (folder / "venv/bin").mkdir(parents=True)
        (folder / "venv/bin/python").write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
        (folder / "venv/bin/python").chmod(0o755)
        self.facts: dict[str, Any] = {
            "name": "fsdp",
            "machine": platform.machine(),
            "python": sys.executable,
            "oldest_python": "3.11",
            "modules": ["json"],
            "programs": ["ldd"],
            "folders": [],
            "nccl": None,
            "network": False,
            "base": REFERENCE,
            "sbom": {"bomFormat": "CycloneDX", "components": []},
        }

    def run(self, *arguments: str, **facts: Any) -> subprocess.CompletedProcess[str]:
        (self.folder / "image.json").write_text(json.dumps(self.facts | facts))
        command = [sys.executable, str(self.folder / "self_test.py"), *arguments]
        return subprocess.run(command, capture_output=True, text=True)


@pytest.fixture
def image(tmp_path):
    return Image(tmp_path)


def test_an_image_that_has_everything_passes(image):
    done = image.run()
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("self-test of fsdp: passed\n") and f"machine: {platform.machine()}" in done.stdout


def test_all_that_is_missing_is_named(image):
    done = image.run(
        machine="riscv64",
        oldest_python="3.99",
        modules=["json", "no_such_framework"],
        programs=["no-such-program"],
        folders=["/no/such/folder"],
        nccl="2.29.7",
        network=True,
    )
    missing = [line for line in done.stdout.splitlines() if line.startswith("missing: ")]
    words = ["a processor riscv64", "Python 3.99", "module no_such_framework", "program no-such-program", "folder /no"]
    words += ["NCCL: ", "library libfabric.so.1", "library libnccl-net.so: "]
    assert done.returncode == 1 and done.stdout.endswith("self-test of fsdp: FAILED\n")
    assert [word for word, line in zip(words, missing, strict=True) if word not in line] == [], missing[-2:]


def test_a_checkout_that_is_empty_is_missing(image, tmp_path):
    (tmp_path / "picotron").mkdir()
    assert "missing: folder" in image.run(folders=[str(tmp_path / "picotron")]).stdout
    (tmp_path / "picotron/train.py").touch()
    assert image.run(folders=[str(tmp_path / "picotron")]).returncode == 0


def written(image):
    """Components of the bill of materials that it writes, of a base and libfabric."""
    libfabric = {"type": "library", "bom-ref": "pkg:generic/libfabric@2", "purl": "pkg:generic/libfabric@2"}
    path = image.folder / "sbom.json"
    done = image.run("--write", str(path), sbom={"bomFormat": "CycloneDX", "components": [UBUNTU, libfabric]})
    assert done.returncode == 0, done.stderr
    return json.loads(path.read_text())["components"]


def test_a_base_that_a_build_argument_gave_is_named_in_place_of_the_one_that_was_chosen(image, monkeypatch):
    monkeypatch.setenv("BASE", REFERENCE)
    assert written(image)[0] == UBUNTU
    monkeypatch.setenv("BASE", "localhost/debian:12")
    first, second, *_ = written(image)
    assert first == {"type": "container", "bom-ref": "localhost/debian:12", "name": "localhost/debian:12"}
    assert second["bom-ref"] == "pkg:generic/libfabric@2"


def test_it_writes_down_what_is_installed(image, tmp_path, monkeypatch):
    (tmp_path / "bin").mkdir()
    dpkg = tmp_path / "bin/dpkg-query"
    dpkg.write_text("#!/bin/sh\nprintf 'adduser 3.134 all\\ng++ 4:12.2.0-3 amd64\\n'\n")
    dpkg.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    found = [component["purl"] for component in written(image)]
    assert found[:4] == [
        UBUNTU["purl"],
        "pkg:generic/libfabric@2",
        "pkg:deb/adduser@3.134?arch=all",
        "pkg:deb/g++@4%3A12.2.0-3?arch=amd64",
    ]
    assert any(purl.startswith("pkg:pypi/pytest@") for purl in found) and len(found) == len(set(found))
