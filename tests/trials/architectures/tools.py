"""Stand-ins for what installs something in a cluster: moto's clusters have no API server. Each notes what is asked."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

NOTE = """#!/bin/sh
echo "$(basename "$0") $*" >> "$(dirname "$0")/asked"
"""
HELM = f"""{NOTE}
[ "$1" = pull ] || exit 0
while [ "$1" != --destination ]; do shift; done
echo "no chart" > "$2/chart.tgz"
"""
SHA256SUM = """#!/bin/sh
echo "$(tr '\\0' '\\n' < /proc/$PPID/cmdline | grep -E '^[0-9a-f]{64}$')  $1"
"""
"""An archive that helm did not really pull has the digest that chart.sh expects, by its own arguments. That it compares
the two is tried in tests/architectures/kubernetes."""
GIT = f"""{NOTE}
told() {{ tr '\\0' '\\n' < /proc/$PPID/cmdline | grep -E "$1"; }}
case $3 in
rev-parse) told '^[0-9a-f]{{40}}$' ;;
checkout) mkdir -p "$2/$(told /charts/)"; touch "$2/$(told /charts/)/Chart.yaml" ;;
esac
"""
"""Likewise the commit that git_chart.sh names, with the chart that it wants."""
PROGRAMS = {"aws": NOTE, "git": GIT, "helm": HELM, "kubectl": NOTE, "sha256sum": SHA256SUM}


def put_in_place(folder: Path, patch: pytest.MonkeyPatch) -> None:
    """Before all else on PATH."""
    folder.mkdir()
    for name, text in PROGRAMS.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    patch.setenv("PATH", f"{folder}:{os.environ['PATH']}")


def asked(folder: Path) -> list[str]:
    """Every command, in its order, those of chart.sh too."""
    notes = folder / "asked"
    return notes.read_text().splitlines() if notes.exists() else []
