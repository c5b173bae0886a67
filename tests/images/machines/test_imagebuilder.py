"""The second way for ParallelCluster. tests/trials/images/machines has ParallelCluster's own package look at it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from seatrial.errors import UserError
from seatrial.images import machines
from seatrial.images.machines.imagebuilder import CONFIGURATION, SCRIPT, archive
from tests.images.machines.choices import AMI, choice

SHELLCHECK = Path(sys.executable).with_name("shellcheck")
GPU = machines.find("ami-parallelcluster-gpu")
CHOICE = choice(bucket="ours", parent_ami=AMI)


def rendered(name: str = GPU.name, **settings: str):
    return machines.render(
        machines.find(name), choice(**{"bucket": "ours", "parent_ami": AMI, **settings}), by="pcluster"
    )


def test_the_configuration_and_its_commands():
    plan = rendered(root_gib="150", subnet_id="subnet-0123456789abcdef0", kms_key_id="alias/ours")
    found = yaml.safe_load(plan.files[CONFIGURATION])
    location = "s3://ours/seatrial/images/seatrial-ami-parallelcluster-gpu-ubuntu2404-x86-64/install.sh"
    assert found["Build"]["ParentImage"] == AMI and found["Build"]["Imds"] == {"ImdsSupport": "v2.0"}
    assert found["Build"]["Components"] == [{"Type": "script", "Value": location}]
    assert found["Image"]["RootVolume"] == {"Size": 150, "Encrypted": True, "KmsKeyId": "alias/ours"}
    assert {"Key": "seatrial:stack", "Value": "cuda13"} in found["Image"]["Tags"]
    put, make = plan.commands
    assert put.argv[:5] == ("aws", "s3", "cp", SCRIPT, location) and make.argv[:2] == ("pcluster", "build-image")


def test_everything_missing_is_told_at_once():
    with pytest.raises(UserError) as caught:
        machines.render(GPU, choice(region="", ami_users="123456789012"), by="pcluster")
    assert [problem.where for problem in caught.value.problems] == [
        "--set region", "--set parent_ami", "--set bucket", "--set ami_users",
    ]  # fmt: skip
    with pytest.raises(UserError, match="for another service than ParallelCluster"):
        rendered("ami-eks-gpu")


@pytest.mark.parametrize("system", GPU.systems)
def test_the_script_holds_what_it_runs(tmp_path, system):
    from seatrial.images._image import Choice

    text = machines.render(GPU, Choice(settings=CHOICE.settings, system=system), by="pcluster").files[SCRIPT]
    head, _, end = text.partition("\n__ARCHIVE__\n")
    (tmp_path / "head.sh").write_text(head + "\n")
    found = subprocess.run([SHELLCHECK, tmp_path / "head.sh"], capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout
    (tmp_path / "install.sh").write_text(text)
    unpack = next(line for line in head.splitlines() if line.startswith("sed "))
    (tmp_path / "files").mkdir()
    unpack = unpack.replace('"$0"', "install.sh").replace('"$folder"', "files")
    subprocess.run(["bash", "-ec", unpack], cwd=tmp_path, check=True)
    assert yaml.safe_load((tmp_path / "files/ansible/playbook.yml").read_text())[0]["roles"] == [*GPU.roles]
    assert (tmp_path / "files/self_test/expected.json").exists() and (tmp_path / "files/self_test.sh").exists()
    assert ("dnf install" in head) == (system == "alinux2023") and end


def test_an_archive_is_the_same_for_the_same_texts():
    made = archive({"b": "2", "a": "1"})
    assert made == archive({"a": "1", "b": "2"}) != archive({"a": "1", "b": "3"})
    assert made[4:8] == bytes(4), "gzip would put there when it was made"
