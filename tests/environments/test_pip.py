"""Whoever told pip where packages come from need not tell uv."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from seatrial.environments import _pip, _uv


@pytest.fixture
def user_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's pip.conf, and no other one."""
    for name in [name for name in os.environ if name.startswith(("PIP_", "UV_", "SSL_CERT", "XDG_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr("sys.prefix", str(tmp_path / "prefix"))
    found = tmp_path / ".config/pip/pip.conf"
    monkeypatch.setattr(
        _pip, "_files", lambda files=_pip._files: [path for path in files() if tmp_path in path.parents]
    )
    found.parent.mkdir(parents=True)
    return found


def test_a_file_of_pip_counts(user_file: Path) -> None:
    assert _pip.variables() == {}
    user_file.write_text(
        "[global]\nindex-url = https://one.example\ncert = /ca.pem\nfind-links =\n    /wheels\n    /more%20wheels\n"
        "[install]\nextra-index-url = https://two.example https://three.example\nindex-url = https://four.example\n"
    )
    assert _pip.variables() == {
        "UV_FIND_LINKS": "/wheels,/more%20wheels",
        "UV_DEFAULT_INDEX": "https://four.example",
        "UV_INDEX": "https://two.example https://three.example",
        "SSL_CERT_FILE": "/ca.pem",
    }
    assert _uv.pip_options() == []


def test_a_variable_counts_more_and_uvs_own_most(user_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    user_file.write_text("[global]\nfind-links = /file\nno-index = true\n")
    assert _uv.pip_options() == ["--no-index"]
    monkeypatch.setenv("PIP_FIND_LINKS", "/variable")
    assert _uv._environment()["UV_FIND_LINKS"] == "/variable"
    monkeypatch.setenv("UV_FIND_LINKS", "/own")
    assert _uv._environment()["UV_FIND_LINKS"] == "/own"
    monkeypatch.setenv("UV_FIND_LINKS", "wheels,https://one.example/wheels")
    assert _uv._environment()["UV_FIND_LINKS"] == f"{Path.cwd()}/wheels,https://one.example/wheels"


def test_later_files_count_more(user_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    user_file.write_text("[global]\ncert = /user\nindex-url = https://user.example\n")
    site = tmp_path / "prefix/pip.conf"
    site.parent.mkdir()
    site.write_text("[global]\ncert = /site\n")
    assert _pip.setting("cert") == "/site"
    chosen = tmp_path / "chosen.conf"
    chosen.write_text("[global]\ncert = /chosen\n")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(chosen))
    assert _pip.setting("cert") == "/chosen"
    assert _pip.setting("index-url") == ""
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    assert _pip.variables() == {}


def test_an_unreadable_file_is_pips_business(user_file: Path) -> None:
    user_file.write_text("no section = here\n")
    assert _pip.variables() == {}


def test_choices_about_other_environments_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("VIRTUAL_ENV", "PYTHONPATH", "UV_OVERRIDE", "UV_NO_VERIFY_HASHES"):
        monkeypatch.setenv(name, "x")
        assert name not in _uv._environment()
    monkeypatch.setenv("UV_PYTHON_DOWNLOADS", "automatic")
    monkeypatch.setenv("UV_OFFLINE", "1")
    assert _uv._environment()["UV_PYTHON_DOWNLOADS"] == "never"
    assert _uv._environment()["UV_OFFLINE"] == "1"
