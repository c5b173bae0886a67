"""A disk that fills up while a run trains on it: a file system of its own, as large as a few hundred events."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from seatrial.events import RunEnd
from seatrial.findings import Finding
from seatrial.runs import Run

WALK = Path(__file__).parents[2] / "walk.py"
SCRIPT = """
set -e
mount -t tmpfs -o size=120k none {folder}
cd {folder}
{python} -m seatrial run {walk} --name w {settings} || echo code $?
cp -r runs {kept}
"""


def test_training_goes_on_and_the_verdict_says_what_is_not_there(tmp_path: Path) -> None:
    """Nobody knows what stood in the events that are lost, so it is UNKNOWN, not PASS."""
    names: dict[str, Any] = {
        "folder": tmp_path / "disk",
        "kept": tmp_path / "kept",
        "python": sys.executable,
        "walk": WALK,
    }
    names["settings"] = "--set steps=1500 --set seconds=0.002 --set checkpoint_every=100000"
    names["folder"].mkdir()
    if os.geteuid() != 0 or subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode != 0:
        pytest.skip("no right to mount")
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", SCRIPT.format(**names)], capture_output=True, text=True, timeout=120
    )
    said = done.stdout + done.stderr
    assert "Traceback" not in said, said
    assert "code 3" in said and "walk/tiny" in said, said
    assert "the verdict and the page are not kept: No space left on device" in said
    log = Run(names["kept"] / "w").events()
    assert log.last(RunEnd) is None and not log.of(Finding)  # there was no room for these either
    assert 100 < len(log.steps()) < 1500 and log.unreadable == 0
