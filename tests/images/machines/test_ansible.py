"""What Ansible reads: a playbook, roles as they are, and every version of the tables."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
import yaml

from seatrial.architectures.hyperpod_slurm.lifecycle import observability
from seatrial.errors import UserError
from seatrial.images._image import Accelerator, Choice, Machine
from seatrial.images.machines import ansible
from seatrial.versions import EFA, EFA_INSTALLERS, NODE_PINS, REPOSITORIES, STACKS

INCLUDED = ("pinned", "repository")
"""Roles that no machine names: others include them."""
STACK: Mapping[Accelerator, str] = {"gpu": "cuda13", "neuron": "neuron", "cpu": "cpu"}
OF: Mapping[Accelerator, tuple[str, ...]] = {
    "gpu": tuple(role for role in ansible.ROLES if role not in (*INCLUDED, "neuron")),
    "neuron": ("base", "efa", "neuron", "observability", "versions_report", "cleanup"),
    "cpu": ("base", "packages", "lustre_client", "cleanup"),
}


def machine(accelerator: Accelerator = "gpu", *roles: str) -> Machine:
    return Machine(
        name=f"ami-ec2-{accelerator}",
        title="For a test",
        service="ec2",
        accelerator=accelerator,
        stack=STACK[accelerator],
        systems=tuple(ansible.DISTRIBUTIONS),
        roles=roles or OF[accelerator],
        architectures=("x86_64", "arm64"),
    )


def variables(one: Machine, **choice: Any) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(ansible.files(one, Choice(**choice))["group_vars/all.yml"])
    return found


def problems(one: Machine, **choice: Any) -> list[str]:
    with pytest.raises(UserError) as caught:
        ansible.files(one, Choice(**choice))
    return [str(problem) for problem in caught.value.problems]


def role_files() -> dict[str, str]:
    paths = (path for path in ansible.FOLDER.rglob("*") if path.suffix in (".yml", ".j2"))
    return {str(path.relative_to(ansible.FOLDER)): path.read_text() for path in paths}


def test_playbook_names_the_roles_in_their_order() -> None:
    one = machine()
    (play,) = yaml.safe_load(ansible.files(one, Choice())["playbook.yml"])
    assert play["roles"] == list(one.roles) and play["become"] is True and play["hosts"] == "all"


def test_roles_are_copied_as_they_are_with_those_that_they_include() -> None:
    files = ansible.files(machine("gpu", "cuda"), Choice())
    copied = {path: text for path, text in files.items() if path.startswith("roles/")}
    own = {f"roles/{path}": text for path, text in role_files().items()}
    assert copied == {path: own[path] for path in copied}
    assert {path.split("/")[1] for path in copied} == {"cuda", *INCLUDED}


def test_rendering_is_pure() -> None:
    assert ansible.files(machine(), Choice()) == ansible.files(machine(), Choice())


def test_no_role_holds_a_version() -> None:
    """Numbers that are no versions: addresses of networks, and those of roles' documents."""
    found = {
        f"{path}: {line.strip()}"
        for path, text in role_files().items()
        for line in text.splitlines()
        if re.search(r"\d+\.\d+", re.sub(r"https?://\S+", "", line.partition("#")[0]))
    }
    assert not found


def test_only_pins_and_repositories_of_the_tables_are_read() -> None:
    text = "\n".join(role_files().values())
    components = {*NODE_PINS, *(name for stack in STACKS.values() for name in stack.pins)}
    assert {*re.findall(r"\bpins\.(\w+)", text)} <= components
    assert {*re.findall(r"\brepositories\.(\w+)", text)} == {*REPOSITORIES}


def test_every_pin_of_nodes_is_read_by_a_role() -> None:
    assert {*NODE_PINS} <= {*re.findall(r"\bpins\.(\w+)", "\n".join(role_files().values()))}


def test_pins_are_those_of_the_stack_and_of_the_tables() -> None:
    pins = variables(machine())["pins"]
    for name, version in STACKS["cuda13"].pins.items():
        assert name not in pins or pins[name]["version"] == version
    assert pins["efa_installer"] == {"version": EFA.version, "url": EFA.address, "sha256": EFA.sha256}
    assert {*pins["gdrcopy"]} == {"version", "repository", "commit"}


def test_pins_that_no_role_reads_are_left_out() -> None:
    assert {*variables(machine("cpu", "observability"))["pins"]} == {"node_exporter", "dcgm_exporter"}
    assert variables(machine("cpu", "base"))["pins"] == {}


def test_one_file_a_login_shell_reads_is_written_by_one_role() -> None:
    written: dict[str, set[str]] = {}
    for path, text in role_files().items():
        for place in re.findall(r"(/etc/(?:profile|sysctl|modprobe|modules-load|security/limits)\.d/\S+)", text):
            written.setdefault(place, set()).add(path)
    assert written and all(len(paths) == 1 for place, paths in written.items() if "profile.d" in place)
    assert not any("blockinfile" in text or "LD_PRELOAD" in text for text in role_files().values())


def test_nothing_is_fetched_without_a_checksum_a_commit_or_a_signed_list() -> None:
    for path, text in role_files().items():
        for task in yaml.safe_load(text) or [] if "/tasks/" in path else []:
            for one in (task, *task.get("block", ())):
                if "ansible.builtin.get_url" in one and "repository/" not in path:
                    assert one["ansible.builtin.get_url"]["checksum"].startswith("sha256:"), path
                if "ansible.builtin.git" in one:
                    assert one["ansible.builtin.git"]["version"].endswith("commit }}"), path


@pytest.mark.parametrize("system", ansible.DISTRIBUTIONS)
@pytest.mark.parametrize("architecture", ("x86_64", "arm64"))
def test_repositories_are_those_of_system_and_architecture(system: str, architecture: Any) -> None:
    told = variables(machine(), system=system, architecture=architecture)
    known = ansible.DISTRIBUTIONS[system]
    url = told["repositories"]["cuda"]["url"]
    assert url.endswith(f"/{known.cuda}/{'sbsa' if architecture == 'arm64' else 'x86_64'}")
    assert ("lustre" in told["repositories"]) is (known.kind == "apt")
    assert not [text for one in told["repositories"].values() for text in one.values() if "{" in text]
    assert told["pins"]["node_exporter"]["url"].endswith("arm64.tar.gz" if architecture == "arm64" else "amd64.tar.gz")


def test_services_that_were_tested_with_their_kernel_keep_it() -> None:
    assert variables(machine())["image"]["kernel"] == "linux-aws-lts-24.04"
    assert variables(machine())["image"]["headers"] == ["linux-headers-aws-lts-24.04"]
    told = variables(replace(machine(), service="parallelcluster"))["image"]
    assert told["kernel"] == "" and told["headers"] == ["linux-headers-{{ ansible_facts.kernel }}"]


def test_another_version_brings_what_is_known_of_it() -> None:
    known = {name: one for name, one in EFA_INSTALLERS.items() if one.sha256}
    for version, one in known.items():
        told = variables(machine("gpu", "efa"), settings={"efa_installer": version})["pins"]["efa_installer"]
        assert told["version"] == version and told["sha256"] == one.sha256 and f"-{version}.tar.gz" in told["url"]


def test_what_pins_another_version_must_be_given() -> None:
    asked = {"efa_installer": "1.51.0", "gdrcopy": "2.6.0"}
    told = problems(machine(), settings=asked)
    assert len(told) == 2 and "sha256 of efa_installer 1.51.0 is unknown" in told[0]
    assert "--set gdrcopy.commit=" in told[1]
    given = {**asked, "efa_installer.sha256": "a" * 64, "gdrcopy.commit": "b" * 40}
    pins = variables(machine(), settings=given)["pins"]
    assert pins["efa_installer"]["sha256"] == "a" * 64 and pins["gdrcopy"]["commit"] == "b" * 40


def test_all_that_is_wrong_is_told_at_once() -> None:
    told = problems(
        machine(),
        settings={"nickel": "1", "efa_installer.sha256": "short", "cuda.colour": "red", "dcgm": "{{ lookup() }}"},
    )
    assert len(told) == 4
    assert "64 hexadecimal digits" in "\n".join(told) and "nickel" in told[0]


def test_versions_that_do_not_go_together_are_refused_with_both_sides() -> None:
    told = "\n".join(problems(machine(), settings={"driver": "570.10.01"}))
    assert "570.10.1" in told.replace("570.10.01", "570.10.1") and "13.0.3" in told


def test_wrong_places_are_refused() -> None:
    assert "rhel9" in problems(machine(), system="rhel9")[0]
    one = replace(machine(), architectures=("x86_64",))
    assert "arm64" in problems(one, architecture="arm64")[0]
    assert "effa" in problems(machine("gpu", "effa"))[0]


def test_a_stack_without_a_component_has_no_role_for_it() -> None:
    assert "has no nccl" in "\n".join(problems(machine("cpu", "nccl")))


def test_node_exporter_lies_where_units_of_hyperpod_find_it() -> None:
    text = role_files()["observability/tasks/main.yml"]
    for program in observability.PACKAGES:
        assert program != "node_exporter" or f"/usr/local/bin/{program}" in text


def test_readme_names_every_role() -> None:
    told = re.findall(r"(?m)^\| `(\w+)` \|", (ansible.FOLDER / "README.md").read_text())
    assert sorted((*told, *INCLUDED)) == sorted(ansible.ROLES)
