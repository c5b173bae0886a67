"""The test that a machine goes through before it becomes an image."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from seatrial.images import machines
from seatrial.images.machines.self_test import same
from tests.images.machines.choices import choice

WANTED = {"efa_installer": "1.50.0", "driver": "580.167.08", "cuda": "13.0.3"}
FILES = {
    "opt/amazon/efa_installed_packages": "# EFA installer version: 1.50.0\n",
    "usr/src/nvidia-open-580.167.08/dkms.conf": "",
    "usr/local/cuda/version.json": json.dumps({"cuda": {"name": "CUDA SDK", "version": "13.0.3"}}),
}


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A root file system with all that is wanted, and beside it what goes to a machine: those files alone."""
    for name, text in FILES.items():
        (tmp_path / "root" / name).parent.mkdir(parents=True)
        (tmp_path / "root" / name).write_text(text)
    for name, text in machines.render(machines.find("ami-ec2-gpu"), choice()).files.items():
        if name.startswith("self_test/"):
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text)
    (tmp_path / "self_test/expected.json").write_text(json.dumps(WANTED))
    return tmp_path


def judge(machine: Path) -> subprocess.CompletedProcess[str]:
    """In a Python that has nothing but these files."""
    words = [
        "-P",
        "-S",
        "-E",
        "-c",
        "import sys; sys.path.insert(0, '.'); sys.argv[1:] = ['expected.json', '../root'];",
    ]
    words[-1] += "import runpy; runpy.run_module('seatrial.images.machines.self_test', run_name='__main__')"
    return subprocess.run([sys.executable, *words], cwd=machine / "self_test", capture_output=True, text=True)


def test_all_is_there(machine):
    done = judge(machine)
    assert done.returncode == 0, done.stderr
    assert "EFA installer: 1.50.0  /opt/amazon/efa_installed_packages" in done.stdout


@pytest.mark.parametrize("name", FILES)
def test_what_is_missing_is_told(machine, name):
    path = machine / "root" / name
    path.unlink()
    path.parent.rmdir()
    done = judge(machine)
    assert done.returncode == 1 and "should be there, and was not found" in done.stderr


def test_another_version_is_told_with_its_place(machine):
    (machine / "root/opt/amazon/efa_installed_packages").write_text("# EFA installer version: 1.49.0\n")
    done = judge(machine)
    assert done.returncode == 1
    assert "self test: EFA installer: /opt/amazon/efa_installed_packages is 1.49.0, not 1.50.0" in done.stderr


@pytest.mark.parametrize(
    ("one", "other", "agree"),
    [
        ("2.5", "2.5.2", True),
        ("13.0.3", "13.0.3", True),
        ("2.26.5.0-abc", "2.26.5.0", True),
        ("2.6.0amzn1.0", "2.6.0amzn1.0", True),
        ("2.6.0amzn2.0", "2.6.0amzn1.0", False),
        ("580.167.08", "580.178.04", False),
        ("13", "13.0.3", False),
        ("", "13.0.3", False),
    ],
)
def test_versions_agree_as_far_as_both_tell(one, other, agree):
    assert same(one, other) is agree
