"""Roles and playbooks as Ansible's own tools judge them."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from seatrial.images._image import Choice
from seatrial.images.machines import ansible, render
from seatrial.images.machines.definitions import MACHINES
from tests.trials.images.roles.conftest import GPU
from tests.trials.images.roles.playing import machine, tool


def write(folder: Path, *roles: str) -> None:
    for path, text in ansible.files(machine("gpu", *roles), Choice()).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)


def run(folder: Path, *argv: str) -> str:
    program = tool(argv[0])
    assert program
    env = {"PATH": f"{Path(program).parent}:{os.environ['PATH']}", "HOME": str(folder), "ANSIBLE_NOCOLOR": "1"}
    words = [program, *argv[1:]]
    done = subprocess.run(
        words, stdin=subprocess.DEVNULL, cwd=folder, env=env, capture_output=True, text=True, timeout=230
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_lint_at_the_profile_for_production(ansible_programs: None, tmp_path: Path) -> None:
    """Over all roles, and a playbook of theirs. A role that no playbook here names is linted as well."""
    write(tmp_path, *GPU, "cleanup")
    shutil.copytree(ansible.FOLDER / "neuron", tmp_path / "roles/neuron")
    said = run(tmp_path, "ansible-lint", "--offline", "--profile", "production", "--nocolor")
    assert "Passed: 0 failure(s), 0 warning(s)" in said


def test_syntax_of_every_playbook(ansible_programs: None, tmp_path: Path) -> None:
    """One run of Ansible over each machine image, system and architecture: what is applied, and what cleans up."""
    folders = []
    for one in MACHINES.values():
        for system in one.systems:
            for architecture in one.architectures:
                folders.append(tmp_path / f"{one.name}-{system}-{architecture}")
                plan = render(one, Choice(system=system, architecture=architecture))
                for path, text in plan.files.items():
                    (folders[-1] / path).parent.mkdir(parents=True, exist_ok=True)
                    (folders[-1] / path).write_text(text)
    playbooks = [f"{folder.name}/ansible/{name}.yml" for folder in folders for name in ("playbook", "cleanup")]
    inventory = f"{folders[0].name}/ansible/inventory.yml"
    said = run(tmp_path, "ansible-playbook", "--syntax-check", "--inventory", inventory, *playbooks)
    assert said.count("playbook: ") == 2 * len(folders) == 70


@pytest.mark.parametrize("wrong", ("ansible.builtin.no_such_module", "command"))
def test_lint_and_syntax_see_what_is_wrong(ansible_programs: None, tmp_path: Path, wrong: str) -> None:
    write(tmp_path, "base", "packages")
    tasks = tmp_path / "roles/base/tasks/main.yml"
    tasks.write_text(f"---\n- name: Wrong\n  {wrong}: {{}}\n")
    program = "ansible-playbook --syntax-check playbook.yml" if "." in wrong else "ansible-lint --offline roles/base"
    with pytest.raises(AssertionError):
        run(tmp_path, *program.split())
