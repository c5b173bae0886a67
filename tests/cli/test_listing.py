"""The catalogue as list and completion see it: made of every case, and then of none until one changes."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from seatrial import catalog
from seatrial.cli.listing import listing
from tests.cli.test_completion import complete

LISTED = """
import json, sys
from seatrial.cli.listing import listing
found = {case["case"]: [recipe["name"] for recipe in case["recipes"]] for case in listing()}
print(json.dumps([found, [name for name in sys.modules if name.startswith("seatrial.cases.")]]))
"""

PLUGIN = """
from seatrial.cases.cpu_ddp import CASE as DDP
from dataclasses import replace
CASE = replace(DDP, name="plugged", recipes=(replace(DDP.recipes[0], name="{recipe}"),))
"""


@pytest.fixture
def listed(tmp_path, monkeypatch):
    """What a new process lists, and which modules of cases it imported; packages in tmp_path count as installed."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    packages = tmp_path / "site-packages"
    packages.mkdir()
    monkeypatch.setenv("PYTHONPATH", str(packages))

    def call() -> tuple[dict[str, list[str]], list[str]]:
        done = subprocess.run([sys.executable, "-c", LISTED], capture_output=True, text=True, check=True)
        found, imported = json.loads(done.stdout)
        return found, imported

    return packages, call


def test_it_holds_the_catalogue(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    names = [(case.name, recipe.name) for case in catalog.cases() for recipe in case.recipes]
    assert [(case["case"], recipe["name"]) for case in listing() for recipe in case["recipes"]] == names


def test_no_case_is_imported_the_second_time(listed):
    _, call = listed
    first, imported = call()
    second, imported_again = call()
    assert second == first and "seatrial.cases.fsdp" in imported and imported_again == []


def test_a_case_that_is_installed_then_changed_then_removed(listed):
    packages, call = listed
    assert "plugged" not in call()[0]
    install(packages, "plugged_case", PLUGIN.format(recipe="first"))
    info, module = packages / "plugged-1.dist-info", packages / "plugged_case.py"
    assert call()[0]["plugged"] == ["first"]
    module.write_text(PLUGIN.format(recipe="the-second"))
    assert call()[0]["plugged"] == ["the-second"]
    for path in (info / "entry_points.txt", info / "METADATA", module):
        path.unlink()
    info.rmdir()
    assert "plugged" not in call()[0]


def install(packages, module: str, text: str) -> None:
    info = packages / "plugged-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: plugged\nVersion: 1\n")
    (info / "entry_points.txt").write_text(f"[seatrial.cases]\nplugged = {module}\n")
    (packages / f"{module}.py").write_text(text)


def command(*args: str, expect: int = 0, **env: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "seatrial", *args],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **env},
    )
    assert done.returncode == expect, done.stderr
    return done


def test_a_broken_case_is_listed_as_broken_until_it_is_repaired(listed):
    """The reason lies where no key of the cache can see it: in a variable."""
    packages, _ = listed
    install(packages, "plugged_case", f"import os\nos.environ['NEEDED']\n{PLUGIN.format(recipe='first')}")
    why = f"{packages / 'plugged_case.py'}:2: cannot be imported: KeyError: 'NEEDED'"
    for _ in range(2):
        said = command("list").stdout.splitlines()
        assert [line for line in said if line.startswith("plugged")] == [
            next(line for line in said if line.endswith(why))
        ]
    by_name = {case["case"]: case for case in json.loads(command("list", "--json").stdout)}
    assert by_name["plugged"] | {"title": 0} == {
        **dict.fromkeys(("framework", "environment", "purpose", "fidelity", "fidelity_note")),
        "case": "plugged",
        "broken": why,
        "title": 0,
        "recipes": [],
    }
    assert by_name["fsdp"]["broken"] is None
    assert "fsdp/tiny" in command("show", "fsdp").stdout
    assert complete("seatrial list plug", packages, index=True) == ["plugged"]
    assert "cannot be imported" not in command("env", "list").stderr
    assert "KeyError" in command("show", "plugged", expect=2).stderr
    for _ in range(2):
        assert "plugged/first" in command("list", "plugged", NEEDED="1").stdout


def test_a_function_of_a_case_that_breaks_is_listed_as_broken(listed):
    packages, _ = listed
    install(packages, "plugged_case", PLUGIN.format(recipe="first").replace("recipes=", "fidelity_of=exit, recipes="))
    assert "broken" in command("list").stdout


def test_a_package_whose_folder_is_gone_is_no_error(listed):
    packages, call = listed
    install(packages, "plugged_case", PLUGIN.format(recipe="first"))
    before = os.stat(packages)
    assert call()[0]["plugged"] == ["first"]
    (packages / "plugged_case.py").unlink()
    os.utime(packages, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert call()[0]["plugged"] == []
