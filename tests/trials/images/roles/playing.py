"""Playbooks as `seatrial` renders them, run by Ansible against root file systems."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from seatrial.images._image import Choice, Machine
from seatrial.images.machines import ansible
from tests.trials.images.roles.root import REPOSITORY, Root
from tests.trials.images.roles.vendor import Vendor

PLUGINS = Path(__file__).with_name("plugins")
INVENTORY = """\
all:
  hosts:
    image:
      ansible_connection: rootfs
      ansible_python_interpreter: /usr/bin/python3
      ansible_become: false
"""
STACKS = {"gpu": "cuda13", "neuron": "neuron", "cpu": "cpu"}


def tool(name: str) -> str | None:
    """One of Ansible's programs."""
    own = REPOSITORY / ".make/ansible-lint/bin"
    return shutil.which(name, path=f"{own}:{os.environ['PATH']}")


def machine(accelerator: Any, *roles: str) -> Machine:
    """A machine image with these roles."""
    return Machine(
        name=f"ami-ec2-{accelerator}",
        title=f"Trial: {accelerator}",
        service="ec2",
        accelerator=accelerator,
        stack=STACKS[accelerator],
        systems=("ubuntu2404",),
        roles=roles,
    )


@dataclass(frozen=True)
class Play:
    """A machine's playbook and a root file system."""

    machine: Machine
    root: Root
    vendor: Vendor

    def run(self, settings: Mapping[str, str] | None = None, **variables: Any) -> tuple[int, int, str]:
        """Exit status, how many tasks changed something, and what was said. `variables` are those of roles.

        What only the machine itself has is not there: its kernel's headers, a running kernel of its own.
        """
        taken = {name: text for name, text in self.vendor.settings.items() if not name.startswith("efa_next")}
        folder = self.root.folder / "ansible"
        shutil.rmtree(folder, ignore_errors=True)
        for path, text in ansible.files(self.machine, Choice(settings={**taken, **(settings or {})})).items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text)
        told = yaml.safe_load((folder / "group_vars/all.yml").read_text())
        told["image"] |= {"kernel": "", "headers": []}
        for name, one in told["repositories"].items():
            one |= {"url": f"file:/srv/vendor/{name}", "key": "file:///srv/vendor/key.asc"}
            one["fingerprint"] = self.vendor.fingerprint
        (folder / "group_vars/all.yml").write_text(json.dumps(told))
        (folder / "inventory.yml").write_text(INVENTORY)
        playbook = (folder / "playbook.yml").read_text()
        impatient = playbook.replace("update_cache: true\n", "update_cache: true\n      update_cache_retries: 1\n")
        (folder / "playbook.yml").write_text(impatient)
        extra = {"base_running": False, "efa_kernel_module": False, **variables}
        program = tool("ansible-playbook")
        assert program
        command = [program, "--inventory", "inventory.yml", "--extra-vars", json.dumps(extra), "playbook.yml"]
        env = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.root.folder),
            "ANSIBLE_CONNECTION_PLUGINS": str(PLUGINS),
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_PIPELINING": "1",  # as our ansible.cfg says for SSH: a task is one command there, not five
            "SEATRIAL_ROOT": str(self.root.path),
        }
        # Ansible refuses a standard input that does not block, as one is that another test's programs left so.
        done = subprocess.run(
            self.root.around(*command),
            stdin=subprocess.DEVNULL,
            cwd=folder,
            env=env,
            capture_output=True,
            text=True,
            timeout=600,
        )
        said = done.stdout + done.stderr
        recap = re.search(r"(?m)^image\s+: ok=\d+\s+changed=(\d+)", said)
        return done.returncode, int(recap[1]) if recap else -1, said
