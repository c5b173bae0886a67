"""seatrial env, and what seatrial run does about environments."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from seatrial import environments, versions
from seatrial.cli import cli
from seatrial.errors import UserError
from tests.environments.small import Small, small

__all__ = ["small"]


def invoke(*args: str) -> Result:
    result = CliRunner().invoke(cli, args)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def test_create_list_remove(small: Small) -> None:
    assert "not made" in invoke("env", "list").stdout
    created = invoke("env", "create", "small")
    folder = environments.ensure("small")
    assert created.stdout == f"{folder}\n"
    assert "environment small: Installed 2 packages" in created.stderr
    (row,) = json.loads(invoke("env", "list", "--json").stdout)
    assert row | {"size": 0} == {
        "name": "small",
        "state": "made",
        "size": 0,
        "packages": 2,
        "for": [],
        "path": str(folder),
        "others": [],
    }
    header, line = invoke("env", "list").stdout.splitlines()
    assert header.split() == ["NAME", "STATE", "SIZE", "PACKAGES", "FOR", "PATH"]
    assert line.startswith("small") and line.endswith(str(folder))
    assert invoke("env", "remove").stdout == f"removed {folder}\n"
    assert invoke("env", "remove").stdout == ""
    assert small.left() == []


def test_one_for_an_older_lock_is_outdated(small: Small) -> None:
    invoke("env", "create")
    small.lock.write_text(small.lock.read_text() + "\n")
    assert "outdated" in invoke("env", "list").stdout


def test_one_on_request_is_made_only_by_its_name(small: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(versions, "ON_REQUEST", {"small": "2 packages"})
    assert json.loads(invoke("env", "list", "--json").stdout)[0]["state"] == "on request"
    assert invoke("env", "create").stdout == "" and small.left() == []
    invoke("env", "create", "small")
    assert json.loads(invoke("env", "list", "--json").stdout)[0]["state"] == "made"


def test_lock_prints_the_file_for_other_installers(small: Small) -> None:
    assert invoke("env", "lock", "small").stdout == f"{small.lock}\n"
    with pytest.raises(UserError, match="no environment is called 'large'"):
        invoke("env", "lock", "large")


def test_the_cases_of_an_environment_are_named() -> None:
    (row,) = [row for row in json.loads(invoke("env", "list", "--json").stdout) if row["name"] == "pytorch"]
    assert row["packages"] > 100 and "torchtitan" in row["for"] and "fsdp" not in row["for"]


@pytest.fixture
def case(tmp_path: Path) -> Path:
    """A case of the user's that needs the environment `small`: its ranks say which Python runs them."""
    (tmp_path / "program.py").write_text("import sys, seatrial_two\nprint(sys.executable, seatrial_two.value)\n")
    path = tmp_path / "mine.py"
    path.write_text(
        "from dataclasses import dataclass\n"
        "from seatrial.arguments import CaseArgs\n"
        "from seatrial.spec import Case, Recipe\n"
        "@dataclass(frozen=True, kw_only=True)\n"
        "class Args(CaseArgs):\n"
        "    steps: int = 1\n"
        '    """Steps."""\n'
        'CASE = Case(name="mine", title="t", framework="f", Args=Args, environment="small",\n'
        f'    requires=("seatrial_two",), program={str(tmp_path / "program.py")!r},\n'
        '    recipes=(Recipe(name="tiny", title="t", args=Args(), processes_per_node=1),))\n'
    )
    return path


def test_a_run_makes_its_environment_and_runs_in_it(small: Small, case: Path, tmp_path: Path) -> None:
    result = invoke("run", str(case), "--name", "one", "--runs-dir", str(tmp_path / "runs"))
    assert "environment small: Installed 2 packages" in result.stderr
    python = environments.python(environments.ensure("small"))
    assert (tmp_path / "runs/one/logs/rank-0.log").read_text() == f"{python} 2\n"
    again = invoke("run", str(case), "--name", "two", "--runs-dir", str(tmp_path / "runs"))
    assert "environment" not in again.stderr and str(python) != sys.executable


def test_a_run_without_its_environment_leaves_nothing_behind(small: Small, case: Path, tmp_path: Path) -> None:
    for wheel in small.wheels.iterdir():
        wheel.unlink()
    with pytest.raises(UserError, match=r"seatrial-(one 1|two 2)\.0 could not be had"):
        invoke("run", str(case), "--name", "one", "--runs-dir", str(tmp_path / "runs"))
    assert not (tmp_path / "runs").exists()
    assert small.left() == []
