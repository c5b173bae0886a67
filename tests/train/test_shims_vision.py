"""Imports without torchvision; nothing of it may stay in the test's own process, so each runs in a new one."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = pytest.mark.torch

WITHOUT = """
import importlib.metadata, sys, types
sys.modules["torchmetrics"] = types.ModuleType("torchmetrics")  # only that it is imported before matters here
from seatrial.train.shims.vision import no_torchvision
no_torchvision()
no_torchvision()
from torchvision import transforms
from torchvision.datasets import VisionDataset
class Both(dict, VisionDataset): ...
assert Both().__class__.__mro__[2].__name__ == "VisionDataset"
try:
    importlib.metadata.version("torchvision")
except importlib.metadata.PackageNotFoundError:
    print("not installed")
try:
    len(transforms.Compose([]))
except RuntimeError as error:
    print(error)
"""

WITH = """
import sys, types
from importlib.machinery import ModuleSpec
real = types.ModuleType("torchvision")
real.__spec__ = ModuleSpec("torchvision", None)
sys.modules["torchvision"] = real
from seatrial.train.shims.vision import no_torchvision
no_torchvision()
assert sys.modules["torchvision"] is real
assert not [name for name in sys.modules if name.startswith("torchvision.")]
assert "torchmetrics" not in sys.modules
"""


def run(program: str) -> str:
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_it_can_be_imported_and_subclassed_but_not_used() -> None:
    out = run(WITHOUT)
    assert out.startswith("not installed\n")
    assert "torchvision is not installed" in out


def test_an_installed_one_is_left_alone() -> None:
    run(WITH)
