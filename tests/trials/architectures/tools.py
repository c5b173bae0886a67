"""Stand-ins for what installs something in a cluster, for moto's have no API server. Each notes what it is asked."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

PROGRAMS = ("aws", "helm", "kubectl")
NOTE = """#!/bin/sh
echo "$(basename "$0") $*" >> "$(dirname "$0")/asked"
"""


def put_in_place(folder: Path, patch: pytest.MonkeyPatch) -> None:
    """Before all else on PATH."""
    folder.mkdir()
    for name in PROGRAMS:
        (folder / name).write_text(NOTE)
        (folder / name).chmod(0o755)
    patch.setenv("PATH", f"{folder}:{os.environ['PATH']}")


def asked(folder: Path) -> list[str]:
    """Every command, in its order; those of chart.sh too, but for what it does with the archive."""
    notes = folder / "asked"
    return notes.read_text().splitlines() if notes.exists() else []
