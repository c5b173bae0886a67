"""Seatrial itself, in an environment of its own."""

from __future__ import annotations

import shutil
from pathlib import Path

from . import apt
from .files import write
from .steps import log, run, succeeds

FOLDER = Path("/opt/seatrial")
OLD_ENOUGH = "import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))"
"""HyperPod's AMI has Python 3.10; Ubuntu 22.04 has a package of 3.11."""
PYTHONS = ("python3.13", "python3.12", "python3.11", "python3")
REMEDY = "see that the name is right, and that the nodes reach the package index, or the file"


def install(package: str) -> None:
    """What pip installs of `package`, unless it was installed of the same before and runs."""
    venv, made_of = FOLDER / "venv", FOLDER / "venv/made-of"
    program = venv / "bin/python"
    if made_of.exists() and made_of.read_text() == f"{package}\n" and succeeds(str(program), "-c", "import seatrial"):
        return
    shutil.rmtree(venv, ignore_errors=True)
    run(_python(), "-m", "venv", str(venv), remedy="install python3.11-venv")
    run(str(program), "-m", "pip", "install", "--quiet", "--retries", "5", package, remedy=REMEDY)
    run(str(program), "-c", "import seatrial", remedy=f"{package} has no seatrial")
    write(made_of, f"{package}\n")
    log(f"    installed {package}")


def _python() -> str:
    def found() -> str | None:
        return next((name for name in PYTHONS if succeeds(name, "-c", OLD_ENOUGH)), None)

    if not found():
        apt.install(["python3.11", "python3.11-venv"])
    return found() or "python3.11"
