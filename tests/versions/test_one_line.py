"""One line changes a version: what is written from the tables, and what is rendered, follow by themselves."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from seatrial.versions.nodes import EFA_INSTALLER
from tests.versions.places import ROOT

NEXT, CHECKSUM = "9.9.9", "a" * 64
PROGRAM = """
import json
from seatrial import catalog
from seatrial.checks.fitting import misfits
from seatrial.findings import overall
from seatrial.images._image import Choice
from seatrial.images.containers import bom, definition, render
from seatrial.network.page import document
from seatrial.versions import STACKS
from tests.docs.versions import page

image = definition(next(case for case in catalog.cases() if case.name == "nccl-tests"))
print(json.dumps({
    "efa.md": document(),
    "versions.md": page(),
    "Dockerfile": render(image, Choice()).files["Dockerfile"],
    "bill of materials": json.dumps(bom(image, Choice())),
    "verdict": overall(misfits(STACKS["cuda13"].pins)),
}))
"""


def written(source: Path) -> Mapping[str, str]:
    """What is written and rendered by a Seatrial whose files are there."""
    places = {**os.environ, "PYTHONPATH": f"{source}{os.pathsep}{ROOT}", "PYTHONDONTWRITEBYTECODE": "1"}
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=places, cwd=source, capture_output=True, text=True, check=True
    )
    found: Mapping[str, str] = json.loads(run.stdout)
    return found


def test_a_new_efa_installer_is_one_line_beside_its_row(tmp_path: Path):
    source = tmp_path / "src"
    shutil.copytree(ROOT / "src", source, ignore=shutil.ignore_patterns("__pycache__"))
    table = source / "seatrial/versions/nodes.py"
    text = table.read_text(encoding="utf-8")
    row = f'"{NEXT}": EfaInstaller(libfabric="9.1.0amzn1.0", aws_ofi_nccl="9.2.0", sha256="{CHECKSUM}"),'
    end, line = '}\n"""Every EFA installer', f'EFA_INSTALLER = "{EFA_INSTALLER}"\n'
    assert text.count(end) == text.count(line) == 1
    text = text.replace(end, f"    {row}\n{end}").replace(line, f'EFA_INSTALLER = "{NEXT}"\n')
    before = written(ROOT / "src")
    table.write_text(text, encoding="utf-8")
    after = written(source)
    for name in ("efa.md", "versions.md", "Dockerfile", "bill of materials"):
        assert EFA_INSTALLER in before[name] and NEXT not in before[name]
        lines = after[name].splitlines()
        assert NEXT in after[name], name
        # The old one stands in the tables of all installers alone.
        old = [line for line in lines if EFA_INSTALLER in line and not line.startswith(f"| {EFA_INSTALLER} |")]
        assert not old, (name, old)
    assert CHECKSUM in after["Dockerfile"]
    assert after["verdict"] == before["verdict"] == "PASS"
