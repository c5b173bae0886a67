"""Roles and playbooks as Ansible's own tools judge them."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from seatrial.images._image import Choice
from seatrial.images.machines import ansible
from tests.trials.images.roles.conftest import GPU, NEURON
from tests.trials.images.roles.playing import machine, tool

ROLES = {
    "gpu": (*GPU, "cleanup"),
    "neuron": (*NEURON, "cleanup"),
    "cpu": ("base", "packages", "lustre_client", "cleanup"),
}


def write(folder: Path, accelerator: Any, **choice: Any) -> Path:
    one = machine(accelerator, *ROLES[accelerator])
    one = replace(one, systems=tuple(ansible.DISTRIBUTIONS), architectures=("x86_64", "arm64"))
    for path, text in ansible.files(one, Choice(**choice)).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    return folder


def run(folder: Path, *argv: str) -> str:
    program = tool(argv[0])
    assert program
    env = {"PATH": f"{Path(program).parent}:{os.environ['PATH']}", "HOME": str(folder), "ANSIBLE_NOCOLOR": "1"}
    done = subprocess.run([program, *argv[1:]], cwd=folder, env=env, capture_output=True, text=True, timeout=230)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_lint_at_the_profile_for_production(ansible_programs: None, tmp_path: Path) -> None:
    """Over all roles, and a playbook of theirs. A role that no playbook here names is linted as well."""
    write(tmp_path, "gpu")
    shutil.copytree(ansible.FOLDER / "neuron", tmp_path / "roles/neuron")
    said = run(tmp_path, "ansible-lint", "--offline", "--profile", "production", "--nocolor")
    assert "Passed: 0 failure(s), 0 warning(s)" in said


def test_syntax_of_every_playbook(ansible_programs: None, tmp_path: Path) -> None:
    """One run of Ansible over each machine, system and architecture."""
    folders = [
        write(
            tmp_path / f"{accelerator}-{system}-{architecture}", accelerator, system=system, architecture=architecture
        )
        for accelerator in ROLES
        for system in ansible.DISTRIBUTIONS
        for architecture in ("x86_64", "arm64")
    ]
    playbooks = [f"{folder.name}/playbook.yml" for folder in folders]
    said = run(
        tmp_path, "ansible-playbook", "--syntax-check", "--inventory", f"{folders[0].name}/inventory.yml", *playbooks
    )
    assert said.count("playbook: ") == len(folders) == 18


@pytest.mark.parametrize("wrong", ("ansible.builtin.no_such_module", "command"))
def test_lint_and_syntax_see_what_is_wrong(ansible_programs: None, tmp_path: Path, wrong: str) -> None:
    write(tmp_path, "cpu")
    tasks = tmp_path / "roles/base/tasks/main.yml"
    tasks.write_text(f"---\n- name: Wrong\n  {wrong}: {{}}\n")
    program = "ansible-playbook --syntax-check playbook.yml" if "." in wrong else "ansible-lint --offline roles/base"
    with pytest.raises(AssertionError):
        run(tmp_path, *program.split())
