"""Another Python is found where people have it, and its absence is one clear message."""

from __future__ import annotations

from pathlib import Path

import pytest

from seatrial import environments, versions
from seatrial.environments import _pythons
from seatrial.errors import UserError
from tests.environments.small import Small, small

__all__ = ["small"]


def program(path: Path, says: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{says}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without any Python."""
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", f"{tmp_path}/bin")
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "pyenv"))
    return tmp_path


def test_the_one_in_path_comes_first(machine: Path) -> None:
    found = program(machine / "bin/python3.10", "echo 3.10")
    program(machine / "pyenv/versions/3.10.13/bin/python3.10", "echo 3.10")
    assert _pythons.find("3.10", "x") == str(found)


def test_one_that_does_not_start_or_is_another_is_passed_over(machine: Path) -> None:
    program(machine / "bin/python3.10", "echo pyenv: version not set >&2; exit 127")
    program(machine / "pyenv/versions/3.10.20/bin/python3.10", "echo 3.11")
    (machine / "pyenv/versions/3.10.9/bin").mkdir(parents=True)
    program(machine / "pyenv/versions/3.10-dev/bin/python3.10", "echo 3.10")
    found = program(machine / "pyenv/versions/3.10.2/bin/python3.10", "echo 3.10")
    assert _pythons.find("3.10", "x") == str(found)


def test_of_several_the_newest_is_taken(machine: Path) -> None:
    for patch in (9, 13):
        program(machine / f"pyenv/versions/3.10.{patch}/bin/python3.10", "echo 3.10")
    assert _pythons.find("3.10", "x").endswith("3.10.13/bin/python3.10")


def test_if_there_is_none_it_is_said_what_to_do(machine: Path) -> None:
    with pytest.raises(UserError, match=r"environment paxml: needs Python 3\.10, which is not on this machine"):
        environments.ensure("paxml")
    assert environments.standing("paxml").path is None


def test_an_environment_of_another_python_shares_nothing(small: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of which this Python, under its own version, stands for another."""
    import sys

    mine = f"{sys.version_info.major}.{sys.version_info.minor}"
    monkeypatch.setattr(versions, "OTHER_PYTHON", {"small": mine})
    monkeypatch.setattr(_pythons, "find", lambda version, where: sys.executable)
    code = "import importlib.util as u; result = [n for n in ('torch', 'seatrial', 'seatrial_one') if u.find_spec(n)]"
    assert small.python(code) == ["seatrial_one"]


def test_an_environment_without_torch_has_seatrial(small: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(versions, "WITHOUT_TORCH", ("small",))
    code = "import importlib.util as u; result = [n for n in ('torch', 'seatrial', 'seatrial_one') if u.find_spec(n)]"
    assert small.python(code) == ["seatrial", "seatrial_one"]
