"""Packer itself takes every template with every value, and refuses what it should."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from seatrial.errors import UserError
from seatrial.images import machines
from seatrial.images._image import Choice
from seatrial.images.machines.choices import VARIABLES
from tests.architectures.pairs import pairwise
from tests.images.machines.choices import AMI, choice, every
from tests.images.machines.test_choices import BAD, KEY
from tests.trials.images.machines.packer import packer, validated, write

GOOD = {
    "region": ("us-west-2", "us-gov-west-1"),
    "instance_type": (None, "p5.48xlarge", "m5.2xlarge"),
    "subnet_id": (None, "subnet-0123456789abcdef0"),
    "iam_instance_profile": (None, "image.builders"),
    "parent_ami": (None, AMI),
    "root_gib": (None, "16384"),
    "encrypted": (None, "false"),
    "kms_key_id": (None, KEY, "alias/images"),
    "ami_users": (None, '["123456789012", "210987654321"]'),
    "ami_regions": (None, '["us-east-1", "eu-west-1"]'),
    "deprecate_days": (None, "30"),
}
GPU = machines.find("ami-ec2-gpu")
KINDS = {"number": "a number is required", "truth": "Variables may not be used here"}
"""What Packer says by itself of what is no number, and of a word that is not true or false."""
LISTS = ("ami_users", "ami_regions")


def test_every_image_on_every_system_and_processor(tmp_path: Path) -> None:
    for number, (machine, chosen) in enumerate(every()):
        folder = tmp_path / str(number)
        write(machines.render(machine, chosen), folder)
        assert validated(folder) == "", (machine.name, chosen)
        assert packer(folder, "fmt", "-check").returncode == 0, (machine.name, chosen)


def possible(values: Mapping[str, str | None]) -> bool:
    try:
        machines.render(GPU, Choice(settings={name: value for name, value in values.items() if value}))
    except UserError:
        return False
    return True


def test_any_two_values_go_together(tmp_path: Path) -> None:
    """The template is the same: it is the file of values that is another."""
    write(machines.render(GPU, choice()), tmp_path)
    combinations = [*pairwise(GOOD, possible)]
    assert len(combinations) > 6
    for values in combinations:
        settings = {name: value for name, value in values.items() if value}
        text = machines.render(GPU, Choice(settings=settings)).files["image.auto.pkrvars.hcl"]
        (tmp_path / "image.auto.pkrvars.hcl").write_text(text)
        assert validated(tmp_path) == "", values
        assert packer(tmp_path, "fmt", "-check").returncode == 0, text


@pytest.mark.parametrize("name", VARIABLES)
def test_packer_refuses_what_we_refuse(name: str, tmp_path: Path) -> None:
    """Whoever takes the template alone is told the same."""
    write(machines.render(GPU, choice()), tmp_path)
    for text in BAD[name]:
        told = validated(tmp_path, {name: f'["{text}"]' if name in LISTS and "[" not in text else text})
        shape = VARIABLES[name].shape.replace('"', "")
        ours = shape in told.replace("\n", " ").replace('"', "")
        assert name in told and (ours or KINDS.get(VARIABLES[name].kind, "?") in told), (text, told)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('ssh_interface             = "session_manager"', 'ssh_interface = "session_manger"', "Unknown interface"),
        ('volume_type           = "gp3"', 'volume_typ = "gp3"', "volume_typ"),
        ("var.root_gib", "var.root_gigabytes", "root_gigabytes"),
        ("ansible/cleanup.yml", "ansible/none.yml", "none.yml"),
        ('script = "${path.root}/self_test.sh"', 'script = "${path.root}/test.sh"', "test.sh"),
        ("ami_name        = local.name", "", "ami_name must be specified"),
        ('sources = ["source.amazon-ebs.image"]', 'sources = ["source.amazon-ebs.other"]', "other"),
    ],
)  # fmt: skip
def test_a_broken_template_is_refused(tmp_path: Path, old: str, new: str, told: str) -> None:
    plan = machines.render(GPU, choice())
    write(plan, tmp_path)
    text = (tmp_path / "image.pkr.hcl").read_text()
    assert text.count(old) == 1
    (tmp_path / "image.pkr.hcl").write_text(text.replace(old, new))
    assert told in validated(tmp_path, {})


def test_one_that_is_not_formatted_is_found(tmp_path: Path) -> None:
    write(machines.render(GPU, choice()), tmp_path)
    with (tmp_path / "image.pkr.hcl").open("a") as file:
        file.write("locals {\n  a   = 1\n}\n")
    assert packer(tmp_path, "fmt", "-check").returncode != 0
