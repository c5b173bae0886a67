"""Interpreters of another Python than the command's, for environments whose packages run on no newer one."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from seatrial.errors import Problem, UserError


def find(version: str, where: str) -> str:
    """Path of this machine's Python `version`, such as 3.10. Raises UserError, about `where`, if there is none."""
    for candidate in _candidates(version):
        if _answers(candidate, version):
            return candidate
    what = f"needs Python {version}, which is not on this machine"
    raise UserError(
        Problem(what, where, f"install it, so that python{version} is in PATH, or: pyenv install {version}")
    )


def _candidates(version: str) -> Iterator[str]:
    """The one in PATH, then pyenv's, newest first."""
    found = shutil.which(f"python{version}")
    if found is not None:
        yield found
    versions = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv", "versions")
    patches = [path for path in versions.glob(f"{version}.*") if path.name.rpartition(".")[2].isdigit()]
    for path in sorted(patches, key=lambda path: int(path.name.rpartition(".")[2]), reverse=True):
        yield str(path / f"bin/python{version}")


def _answers(candidate: str, version: str) -> bool:
    """Whether it is what its name says: pyenv puts a program of that name into PATH also where it has none to start."""
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    try:
        run = subprocess.run([candidate, "-I", "-c", code], capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return run.stdout.strip() == version
