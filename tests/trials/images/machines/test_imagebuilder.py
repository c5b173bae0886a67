"""ParallelCluster's own package takes the configuration of an image, and what Image Builder would run really runs."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from seatrial import environments
from seatrial.images import machines
from seatrial.images._image import Choice
from seatrial.images.machines.imagebuilder import CONFIGURATION, SCRIPT
from tests.images.machines.choices import AMI
from tests.images.machines.test_choices import KEY

PROGRAM = Path(__file__).with_name("parallelcluster_package.py")
SETTINGS = {"region": "us-west-2", "bucket": "ours", "parent_ami": AMI}
MORE: tuple[dict[str, str], ...] = (
    {"subnet_id": "subnet-0123456789abcdef0"},
    {"kms_key_id": KEY, "root_gib": "200"},
    {"encrypted": "false", "instance_type": "m5.2xlarge"},
)


@pytest.fixture(scope="module")
def package() -> str:
    """Path of the Python that has the package."""
    with pytest.MonkeyPatch.context() as patch:
        # As for the commands that tests start: see clean_environment.
        patch.delenv("SEATRIAL_ENVIRONMENTS", raising=False)
        return str(environments.python(environments.ensure("parallelcluster")))


def configurations() -> dict[str, dict[str, Any]]:
    found = {}
    for name in (name for name in machines.names() if "parallelcluster" in name):
        machine = machines.find(name)
        for system in machine.systems:
            for more in ({}, *MORE):
                if machine.accelerator == "neuron" and "instance_type" in more:
                    continue
                chosen = Choice(settings={**SETTINGS, **more}, system=system)
                text = machines.render(machine, chosen, by="pcluster").files[CONFIGURATION]
                found[f"{name} {system} {more}"] = yaml.safe_load(text)
    return found


def load(package: str, asked: dict[str, Any]) -> dict[str, Any]:
    """What the package's schema finds wrong with configurations."""
    command = [package, "-W", "ignore", str(PROGRAM)]
    run = subprocess.run(command, input=json.dumps(asked), capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    answer: dict[str, Any] = json.loads(run.stdout)
    return answer


def test_the_schema_takes_every_configuration(package: str) -> None:
    found = configurations()
    assert len(found) > 20 and load(package, found) == {}


def test_the_schema_refuses_what_is_broken(package: str) -> None:
    whole = next(iter(configurations().values()))
    broken = {
        "no parent": {"Build": {key: value for key, value in whole["Build"].items() if key != "ParentImage"}},
        "no such field": {"Build": {**whole["Build"], "InstanceTyp": "m5.2xlarge"}},
        "no id": {"Build": {**whole["Build"], "ParentImage": "ubuntu2404"}},
        "no place": {"Build": {**whole["Build"], "Components": [{"Type": "script", "Value": "install.sh"}]}},
        "no size": {"Image": {**whole["Image"], "RootVolume": {"Size": "large"}}},
        "old metadata": {"Build": {**whole["Build"], "Imds": {"ImdsSupport": "v3.0"}}},
    }
    answer = load(package, {name: {**whole, **part} for name, part in broken.items()})
    assert answer.keys() == broken.keys(), answer


def test_what_image_builder_runs_unpacks_itself_and_begins(tmp_path: Path) -> None:
    """With a stand-in for Ansible, which looks at what it is given; the self test then finds that nothing is there."""
    machine = machines.find("ami-parallelcluster-gpu")
    text = machines.render(machine, Choice(settings=SETTINGS), by="pcluster").files[SCRIPT]
    (tmp_path / SCRIPT).write_text(text)
    (tmp_path / "bin").mkdir()
    ansible = tmp_path / "bin/ansible-playbook"
    ansible.write_text(f'#!/bin/sh\ntest -e "$ANSIBLE_CONFIG" && test -e "$3" && echo "$3" >>{tmp_path}/calls\n')
    ansible.chmod(0o755)
    words = ["bash", SCRIPT]
    done = subprocess.run(
        words, cwd=tmp_path, env={"PATH": f"{tmp_path}/bin:/usr/bin:/bin"}, capture_output=True, text=True
    )
    assert done.returncode != 0, "this machine has none of ParallelCluster's software, for which self_test.sh looks"
    (played,) = (tmp_path / "calls").read_text().split()
    assert played.endswith("/ansible/playbook.yml") and not Path(played).exists(), "it leaves nothing behind"
