"""The catalogue as list and completion see it: made of every case, and then of none until one changes."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from seatrial import catalog
from seatrial.cli.listing import listing

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
    info = packages / "plugged-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: plugged\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[seatrial.cases]\nplugged = plugged_case\n")
    module = packages / "plugged_case.py"
    module.write_text(PLUGIN.format(recipe="first"))
    assert call()[0]["plugged"] == ["first"]
    module.write_text(PLUGIN.format(recipe="the-second"))
    assert call()[0]["plugged"] == ["the-second"]
    for path in (info / "entry_points.txt", info / "METADATA", module):
        path.unlink()
    info.rmdir()
    assert "plugged" not in call()[0]
