"""A real build by Packer, over a null source: what is done on the machine, in which order, and where it ends.

The template is the one that makes an AMI, with three replacements: the source is a machine here instead of an instance
of EC2, what waits for a reboot waits a second, and each role only notes its name, and what its software's version is.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from seatrial.images import machines
from tests.images.machines.choices import choice
from tests.trials.images.machines.machine import ORDER, Machine
from tests.trials.images.machines.packer import with_ansible, write
from tests.trials.slurm.conftest import missing

IMAGE = machines.find("ami-parallelcluster-gpu")
NULL = """
source "null" "image" {{
  communicator         = "ssh"
  ssh_host             = "127.0.0.1"
  ssh_port             = {port}
  ssh_username         = "root"
  ssh_private_key_file = "{key}"
}}
"""
INSTALLS = {
    "efa": {
        "/opt/amazon/efa_installed_packages": "# EFA installer version: {efa_installer}",
        "/opt/amazon/efa/lib/pkgconfig/libfabric.pc": "Version: {libfabric}",
        "/opt/amazon/ofi-nccl/lib/libnccl-net-ofi.so": "NET/OFI aws-ofi-nccl {aws_ofi_nccl}",
    },
    "cuda": {"/usr/local/cuda-13.0/version.json": '{{"cuda": {{"name": "CUDA SDK", "version": "{cuda}"}}}}'},
    "nccl": {"/usr/local/lib/libnccl.so.2": "NCCL version {nccl}+cuda13.0"},
}
"""Role -> the files by which the versions of its software are known."""
REBOOTS = "packages"
"""The role that reboots where the kernel is another: through Packer's proxy, which must come back."""
TO_OLD_OPENSSH = "-o HostKeyAlgorithms=+ssh-rsa -o PubkeyAcceptedAlgorithms=+ssh-rsa"
"""The proxy of Packer 1.6.6, between Ansible and the machine, has no other keys."""


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    if lack := missing():
        pytest.skip(f"no machine can be started here: {lack}")
    with Machine(tmp_path) as running:
        yield running


def build(machine: Machine, folder: Path, **versions: str) -> subprocess.CompletedProcess[str]:
    """A build by that template; `versions` are what the roles install, where they are not what they should be."""
    write(machines.render(IMAGE, choice()), folder)
    text = (folder / "image.pkr.hcl").read_text()
    null = NULL.format(port=machine.port, key=machine.key)
    text, sources = re.subn(r'\nsource "amazon-ebs" "image" \{\n.*?\n\}\n', null, text, flags=re.S)
    text, pauses = re.subn(r'(pause_\w+ += )"\d+s"', r'\1"1s"', text)
    assert (sources, pauses, text.count("source.amazon-ebs.image")) == (1, 2, 1)
    (folder / "image.pkr.hcl").write_text(text.replace("source.amazon-ebs.image", "source.null.image"))
    wanted = json.loads((folder / "self_test/expected.json").read_text())
    for tasks in folder.glob("ansible/roles/*/tasks/main.yml"):
        role = tasks.parts[-3]
        for path in (folder / "ansible/roles" / role).rglob("*.yml"):
            path.write_text("---\n")
        tasks.write_text(json.dumps(stand_in(role, {**wanted, **versions})))
    environment = {
        **with_ansible(),
        "ANSIBLE_SSH_ARGS": "-o ControlMaster=no",  # its socket's path would be too long below a test's folder
        "ANSIBLE_SSH_COMMON_ARGS": TO_OLD_OPENSSH,
        "HOME": str(folder),
        "PACKER_LOG": "",
    }
    words = ("packer", "build", "-color=false", ".")
    return subprocess.run(
        words, stdin=subprocess.DEVNULL, cwd=folder, env=environment, capture_output=True, text=True, timeout=200
    )


def stand_in(role: str, versions: dict[str, str]) -> list[dict[str, object]]:
    lines = [f"echo role {role} >>{ORDER}"]
    for path, text in INSTALLS.get(role, {}).items():
        lines += [f"mkdir -p {os.path.dirname(path)}", f"echo '{text.format(**versions)}' >{path}"]
    tasks: list[dict[str, object]] = [{"name": "Note", "ansible.builtin.shell": "\n".join(lines)}]
    if role == REBOOTS:
        tasks.append({"name": "Reboot", "ansible.builtin.reboot": {"reboot_timeout": 60}})
    return tasks


REBOOTED = ("shutdown -r", "started")


def test_each_step_is_done_in_its_order(machine: Machine, tmp_path: Path) -> None:
    done = build(machine, tmp_path / "plan")
    assert done.returncode == 0, done.stdout + done.stderr
    assert machine.order() == [
        "started",
        "cloud-init status --wait",
        *(line for role in IMAGE.roles for line in (f"role {role}", *(REBOOTED if role == REBOOTS else ()))),
        "systemctl reboot",
        "started",
        "self test",
        "ami_cleanup.sh",
        "role cleanup",
    ]
    assert not Path(ORDER).exists(), "a stand-in took the place of a program of this machine"
    assert "EFA installer: 1.50.0  /opt/amazon/efa_installed_packages" in done.stdout


def test_what_is_not_what_it_should_be_becomes_no_image(machine: Machine, tmp_path: Path) -> None:
    done = build(machine, tmp_path / "plan", efa_installer="1.49.0")
    assert done.returncode != 0
    assert (
        "self test: EFA installer: /opt/amazon/efa_installed_packages is 1.49.0, not 1.50.0"
        in done.stdout + done.stderr
    )
    assert machine.order()[-2:] == ["started", "self test"], "nothing comes behind a test that failed"
