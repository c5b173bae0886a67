"""The environment `pytorch` as it is really made."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

import seatrial
from seatrial import environments, versions
from seatrial.environments import _lock

CODE = """
import importlib.metadata, importlib.util, json, os
import torch, seatrial
assert torch.zeros(2).numpy().sum() == 0
names = ["torchvision", "triton", "oci", "click", "pytest"]
print(json.dumps({
    "versions": {d.name: d.version for d in importlib.metadata.distributions()},
    "places": {module.__name__: os.path.realpath(module.__file__) for module in (torch, seatrial)},
    "there": [name for name in names if importlib.util.find_spec(name)],
    "torch": torch.__version__,
}))
"""


def test_it_holds_the_pins_and_shares_torch(frameworks: str) -> None:
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    run = subprocess.run([frameworks, "-c", CODE], env=variables, capture_output=True, text=True, check=True)
    found = json.loads(run.stdout)
    found["versions"] = {canonicalize_name(name): version for name, version in found["versions"].items()}
    locked = _lock.packages(environments.lock("pytorch").read_text())
    assert len(set(locked) & set(found["versions"])) > 0.9 * len(locked)  # some are for other platforms
    assert [n for n, pins in locked.items() if n in found["versions"] and found["versions"][n] not in pins] == []
    for requirement in map(Requirement, versions.ENVIRONMENTS["pytorch"]):
        assert found["versions"][requirement.name] in requirement.specifier
    mine = importlib.util.find_spec("torch")
    assert mine and mine.origin
    assert found["places"] == {"torch": os.path.realpath(mine.origin), "seatrial": os.path.realpath(seatrial.__file__)}
    assert Version(found["versions"]["torch"]) == Version(found["torch"])
    assert set(found["there"]) <= ({"triton"} if importlib.util.find_spec("triton") else set())


def test_its_packages_fit_together(frameworks: str) -> None:
    """What each requires is there at a version that it accepts, but for what is left out on purpose."""
    code = """
import importlib.metadata as m, json
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
there = {canonicalize_name(d.name): d for d in m.distributions()}
bad = []
for d in there.values():
    for r in map(Requirement, d.requires or ()):
        name = canonicalize_name(r.name)
        if r.marker is None or r.marker.evaluate({"extra": ""}):
            if name not in there or not r.specifier.contains(there[name].version, prereleases=True):
                bad.append((canonicalize_name(d.name), name))
print(json.dumps(bad))
"""
    run = subprocess.run([frameworks, "-c", code], capture_output=True, text=True, check=True)
    bad = [(who, what) for who, what in json.loads(run.stdout) if what not in versions.LEFT_OUT]
    assert bad == []
