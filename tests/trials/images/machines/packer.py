"""Debian's Packer, and what of a template it can read: it is older than the amazon plugin that images are made with."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from seatrial.images.machines.packer import PLUGINS
from seatrial.plan import Plan

ANSIBLE = Path(__file__).parents[4] / ".make/ansible-lint/bin"
NEWER = (
    r"^  metadata_options \{\n(    .*\n)*  \}\n",
    r"^  imds_support .*\n",
    r"^  deprecate_at .*\n",
)
"""What Packer 1.6.6 does not know yet, in a template. All else it reads as it is, but for the list of plugins:
https://github.com/hashicorp/packer-plugin-amazon/blob/main/builder/ebs/builder.hcl2spec.go has them all."""


def missing() -> str:
    """What is lacking here; empty if nothing."""
    path = with_ansible()["PATH"]
    lack = [name for name in ("packer", "ansible-playbook") if not shutil.which(name, path=path)]
    return f"no {', '.join(lack)}" if lack else ""


def with_ansible() -> dict[str, str]:
    """The environment, with Ansible on PATH, and nothing asked of HashiCorp."""
    path = os.pathsep.join([str(ANSIBLE), os.environ["PATH"]])
    return {**os.environ, "PATH": path, "CHECKPOINT_DISABLE": "1", "PACKER_NO_COLOR": "1"}


@cache
def quick() -> dict[str, str]:
    """The same, but that Ansible tells its version at once: that is all that Packer asks of it to validate."""
    found = with_ansible()
    command = ("ansible-playbook", "--version")
    said = subprocess.run(command, stdin=subprocess.DEVNULL, env=found, capture_output=True, text=True, check=True)
    folder = Path(tempfile.mkdtemp(prefix="ansible-"))
    (folder / "ansible-playbook").write_text(f"#!/bin/sh\ncat <<'EOF'\n{said.stdout}EOF\n")
    (folder / "ansible-playbook").chmod(0o755)
    return found | {"PATH": f"{folder}:{found['PATH']}"}


def write(plan: Plan, folder: Path) -> None:
    """The plan's files, without what this Packer does not know; each of NEWER is there to be taken away."""
    shutil.rmtree(folder, ignore_errors=True)
    for name, text in plan.files.items():
        if name == PLUGINS:
            continue
        if name == "image.pkr.hcl":
            for pattern in NEWER:
                text, count = re.subn(pattern, "", text, flags=re.M)
                assert count == 1, pattern
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def packer(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Called in the folder."""
    command = ("packer", *words, ".")
    return subprocess.run(command, stdin=subprocess.DEVNULL, cwd=folder, env=quick(), capture_output=True, text=True)


def validated(folder: Path, variables: Mapping[str, str] | None = None) -> str:
    """What is wrong with the template; empty if nothing is. `variables` take the place of its values."""
    words = [word for name, value in (variables or {}).items() for word in ("-var", f"{name}={value}")]
    done = packer(folder, "validate", *words)
    return "" if done.returncode == 0 else done.stdout + done.stderr
