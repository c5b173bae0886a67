"""Packages that not everybody needs: what is missing of them, and the command that installs it here.

The command is for the interpreter that runs, which may have no pip: environments made by uv have none.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import re
import shlex
import shutil
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from seatrial.errors import Problem, UserError

if TYPE_CHECKING:
    from importlib.metadata import Distribution


class Absent(Problem):
    """A package that this interpreter lacks. The one that a job's ranks run with may have it."""

    __slots__ = ()


DISTRIBUTIONS = {
    "mlflow": "mlflow-skinny",
    "prometheus_client": "prometheus-client",
    "promql_parser": "promql-parser",
    "grafana_foundation_sdk": "grafana-foundation-sdk",
    "opentelemetry": "opentelemetry-sdk",
    "sklearn": "scikit-learn",
}
"""Module -> the distribution that brings it, where the two have different names."""


@contextlib.contextmanager
def needed(package: str, where: str) -> Iterator[None]:
    """An import of a package that may be missing. Raises UserError with what is missing and what installs it."""
    try:
        yield
    except ModuleNotFoundError as error:
        absent = (error.name or package).partition(".")[0]
        told = "" if absent == package else f", which {package} needs"
        raise UserError(Absent(f"{absent} is not installed{told}", where, installing(package))) from error
    except ImportError as error:
        raise UserError(Problem(f"{package} does not load: {error}", where, installing(package))) from error


def missing(modules: Iterable[str], where: str) -> list[Problem]:
    """The modules that this interpreter cannot import, one problem for those that the same command installs."""
    absent: dict[str, list[str]] = {}
    for module in modules:
        if not importable(module):
            absent.setdefault(installing(module), []).append(module)
    return [
        Absent(f"{' and '.join(names)} {'is' if len(names) == 1 else 'are'} not installed", where, command)
        for command, names in absent.items()
    ]


def importable(module: str) -> bool:
    """Whether a module would be found. It is not imported."""
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # of a.b, there is no a
        return False


def installing(*modules: str) -> str:
    """The command that installs what brings these modules, or requirements, into this interpreter."""
    wanted = dict.fromkeys(word for module in modules for word in _requirement(module))
    python = shlex.quote(sys.executable)
    what = shlex.join(wanted)
    if importable("pip"):
        return f"{python} -m pip install {what}"
    if found := uv():
        return f"{shlex.quote(found)} pip install --python {python} {what}"
    if importable("ensurepip"):
        return f"this Python has no pip: {python} -m ensurepip && {python} -m pip install {what}"
    return f"this Python has no pip: https://pip.pypa.io/en/stable/installation; then: {python} -m pip install {what}"


def uv() -> str | None:
    """The program uv: beside this interpreter, as its package installs it, or on the PATH."""
    scripts = [str(Path(sys.executable).parent), sysconfig.get_path("scripts")]
    scripts.append(sysconfig.get_path("scripts", sysconfig.get_preferred_scheme("user")))
    return shutil.which("uv", path=os.pathsep.join([*scripts, os.environ.get("PATH", os.defpath)]))


def _requirement(module: str) -> list[str]:
    """Words behind ``install``: the extra of Seatrial that brings a module, or else its own package."""
    from importlib import metadata

    name = DISTRIBUTIONS.get(module, module)
    with contextlib.suppress(metadata.PackageNotFoundError):
        ours = metadata.distribution("seatrial")
        brings = re.compile(rf"""{re.escape(name)}\b[^;]*;\s*extra\s*==\s*["']([\w-]+)["']""")
        extras = [found[1] for line in ours.requires or () if (found := brings.fullmatch(line))]
        if extras:
            extra = max(extras)  # numpy is of `profile`, too: who lacks just that one has no torch either
            folder = _checkout(ours)
            return ["-e", f"{folder}[{extra}]"] if folder else [f"seatrial[{extra}]"]
    return [name]


def _checkout(ours: Distribution) -> str | None:
    """The folder that Seatrial is installed from in development mode (PEP 610)."""
    from urllib.parse import unquote, urlsplit

    record = json.loads(ours.read_text("direct_url.json") or "{}")
    editable = record.get("dir_info", {}).get("editable", False)
    return unquote(urlsplit(record["url"]).path) if editable else None
