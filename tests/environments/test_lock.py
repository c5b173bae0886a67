"""The locks that are shipped agree with the table that they are made from."""

from __future__ import annotations

import importlib.metadata
import re
import runpy
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from seatrial import environments, versions
from seatrial.environments import _lock, _uv

SCRIPT = runpy.run_path(str(Path(__file__).parents[2] / "scripts/lock.py"))

every_lock = pytest.mark.parametrize("name", [*SCRIPT["SETUPS"], *environments.names()])


def locked_text(name: str) -> str:
    path: Path = SCRIPT["path"](name)
    return path.read_text(encoding="utf-8")


def entries(name: str) -> list[tuple[Requirement, list[str]]]:
    """Each requirement of a lock with its hashes."""
    text = re.sub(r"^\s*#.*\n", "", locked_text(name), flags=re.MULTILINE)
    found = []
    for entry in text.replace("\\\n", "").splitlines():
        requirement, *hashes = entry.split("--hash=")
        found.append((Requirement(requirement), [value.strip() for value in hashes]))
    return found


def test_what_is_made_on_request_is_an_environment() -> None:
    assert versions.ON_REQUEST.keys() <= versions.ENVIRONMENTS.keys()
    assert "pytorch" in environments.unasked()


@every_lock
def test_a_changed_table_needs_a_new_lock(name: str) -> None:
    made_from = re.search(r"^# Inputs: sha256:(\w+)$", locked_text(name), re.MULTILINE)
    assert made_from and made_from[1] == _lock.digest(SCRIPT["requested"](name), _lock.oldest_python(name)), (
        f"python scripts/lock.py {name}"
    )


@pytest.mark.parametrize("name", ["pytorch", "develop"])
def test_the_digest_depends_on_every_input(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = _lock.digest(SCRIPT["requested"](name), _lock.oldest_python(name))
    changes: list[tuple[str, Any]] = [
        ("DIRECT", {**versions.DIRECT, "click": "0"}),
        ("ENVIRONMENTS", {"pytorch": (*versions.ENVIRONMENTS["pytorch"], "more")}),
        ("TORCH_NEEDS", versions.TORCH_NEEDS[1:]),
        ("LEFT_OUT", {"torch": ""}),
        ("PYTHON", "3.12"),
    ]
    for table, value in changes:
        with monkeypatch.context() as patch:
            patch.setattr(versions, table, value)
            depends = {"DIRECT": name == "develop", "ENVIRONMENTS": name == "pytorch"}.get(table, True)
            assert (_lock.digest(SCRIPT["requested"](name), _lock.oldest_python(name)) != before) is depends, table


OF_NEMO = {
    "cuda-bindings", "cuda-pathfinder", "cuda-python", "nvidia-ml-py", "nvidia-modelopt", "nvidia-resiliency-ext",
}  # fmt: skip
"""Bindings and tools, some megabytes each."""


@every_lock
def test_what_is_asked_for_is_in_the_lock_and_what_is_left_out_is_not(name: str) -> None:
    locked = {requirement.name: requirement.specifier for requirement, _ in entries(name)}
    assert set(locked) == set(_lock.packages(locked_text(name)))
    for wanted in map(Requirement, SCRIPT["requested"](name)):
        (pin,) = locked[wanted.name]
        assert wanted.specifier.contains(pin.version), wanted
    assert not set(locked) & set(versions.LEFT_OUT)
    of_cuda = {n for n in locked if n.startswith(("nvidia-", "cuda-"))}
    assert of_cuda <= (OF_NEMO if name == "nemo" else set()), "no build of CUDA's"
    assert [n for n in locked if canonicalize_name(n) != n] == []


def test_what_make_demo_runs_is_what_the_tests_ran() -> None:
    tested = _lock.packages(locked_text("develop"))
    assert {name: tested[name] for name in _lock.packages(locked_text("run"))} == _lock.packages(locked_text("run"))


@every_lock
def test_every_entry_is_exact_and_hashed(name: str) -> None:
    for requirement, hashes in entries(name):
        assert [specifier.operator for specifier in requirement.specifier] == ["=="], requirement
        assert requirement.url is None
        assert hashes and all(re.fullmatch("sha256:[0-9a-f]{64}", value) for value in hashes), requirement


@every_lock
def test_it_is_for_every_platform_and_python(name: str) -> None:
    """One version of each package on each; the files of all, which a mirror of one platform would not have given."""
    found, torch = entries(name), {"networkx"} if _lock.shares_torch(name) else set()
    compiled = "pyyaml" if name == "parallelcluster" else "numpy"  # alone in having no numpy
    for system, machine in (("linux", "x86_64"), ("linux", "aarch64"), ("darwin", "arm64")):
        for python in [versions.OTHER_PYTHON[name]] if name in versions.OTHER_PYTHON else ["3.11", "3.12"]:
            place = {"sys_platform": system, "platform_machine": machine, "python_version": python}
            place |= {"python_full_version": f"{python}.0"}
            names = [r.name for r, _ in found if r.marker is None or r.marker.evaluate(place)]
            assert len(names) == len(set(names)) and {compiled, *torch} <= set(names), place
    (files,) = [hashes for requirement, hashes in found if requirement.name == compiled]
    assert len(files) > 20  # numpy 2.1.3 has 55


@every_lock
def test_it_names_no_place(name: str) -> None:
    assert [line for line in locked_text(name).splitlines() if "://" in line or "--index" in line or " /" in line] == []


@pytest.mark.parametrize("name", [name for name in environments.names() if _lock.shares_torch(name)])
def test_it_has_what_torch_requires(name: str) -> None:
    locked = {requirement.name: requirement for requirement, _ in entries(name)}
    for requirement in map(Requirement, importlib.metadata.requires("torch") or []):
        needed = canonicalize_name(requirement.name)
        if (requirement.marker and not requirement.marker.evaluate({"extra": ""})) or needed.startswith(
            ("nvidia-", "cuda-", "triton")
        ):
            continue
        (pin,) = locked[needed].specifier
        assert requirement.specifier.contains(pin.version), requirement


def test_a_broken_resolution_names_our_pins() -> None:
    """In uv 0.13.9's words."""
    taking_part = SCRIPT["taking_part"]
    said = (
        "No solution found when resolving dependencies\n  cause: Because diffusers==0.39.0 depends on "
        "huggingface-hub>=2 and you require mosaicml-streaming==0.13.0, we can conclude that yours are unsatisfiable."
    )
    assert taking_part("pytorch", said) == ["mosaicml-streaming==0.13.0", "diffusers==0.39.0"]


def test_the_script_writes_no_lock_that_cannot_be_resolved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    main = SCRIPT["main"]
    monkeypatch.setattr("sys.argv", ["lock.py", "pytorch"])
    monkeypatch.setattr(_lock, "FOLDER", tmp_path)
    monkeypatch.setattr(versions, "ENVIRONMENTS", {"pytorch": ("nowhere-to-be-had==1.0",)})
    monkeypatch.setattr(versions, "TORCH_NEEDS", ())
    monkeypatch.setattr(_uv, "pip_options", lambda: ["--no-index"])
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    assert main() == 1
    told = capsys.readouterr().err
    assert "pytorch cannot be resolved" in told
    assert "nowhere-to-be-had was not found" in told and "our pins in it: nowhere-to-be-had==1.0" in told
    assert not (tmp_path / "pytorch.txt").exists()
