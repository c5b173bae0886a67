"""Which files are launch files, by their names and what stands in them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path, PurePath
from typing import Literal

from seatrial.errors import Problem, UserError
from seatrial.lint import helm, templates

Kind = Literal["sbatch", "shell", "yaml", "dockerfile"]

_SHELL_NAME = re.compile(r"\.(sh|bash|sbatch)$")
_JOB_NAME = re.compile(r"\.(slurm|sub|job)$")
"""Names that other schedulers use as well, for what is no shell script: HTCondor's .sub."""
_YAML_NAME = re.compile(r"\.ya?ml$|^Kustomization$")
_DOCKER_NAME = re.compile(r"(?:^|[._-])(?:dockerfile|containerfile)(?:[._-][\w.-]*)?$", re.IGNORECASE)
_OTHER_NAME = re.compile(r"\.(md|rst|txt|py|go|js|ts|sh|rs|java|json|ya?ml|html|ipynb)$")
"""Names of what is about Dockerfiles, and none."""
_TEMPLATE_END = re.compile(r"[-.](template|tmpl|tpl|tftpl|in|j2|jinja|jinja2)$", re.IGNORECASE)
SHEBANG = re.compile(r"#!\s*\S*?(?:env\s+(?:-\S+\s+)*)?(\w+)(?:\s|$)")
DIRECTIVE = re.compile(r"^#SBATCH\b", re.MULTILINE)
_HEREDOC = re.compile(r"(<<-?[ \t]*[\"']?(\w+)[\"']?[^\n]*)\n(?:.*\n)*?[ \t]*\2[ \t]*$", re.MULTILINE)
API_VERSION = re.compile(r"^apiVersion\s*:", re.MULTILINE)
KUSTOMIZATIONS = ("kustomization.yaml", "kustomization.yml", "Kustomization")
"""Names of the files that kustomize reads, with or without an apiVersion."""
_SKIPPED = {"node_modules", "__pycache__", "site-packages", "venv"}
_NEVER = re.compile(
    r"\.(pyi?|pyc|ipynb|md|rst|jsonl?|toml|c|cc|cpp|cu|h|hpp|go|rs|[jt]sx?|ps1|css|html|lock|csv|parquet"
    r"|png|jpg|svg|gif|pdf|gz|zip|whl|so|o|a|bin|pt|safetensors)$"
)
"""Ends of names of what is no launch file, whatever it begins with: most of what a folder holds, not to be opened."""
LARGEST = 2**20
"""Bytes. Nobody writes a launch file that is larger; in a folder such files are left out."""


def below(folder: Path) -> Iterator[Path]:
    """The launch files in a folder, but for those that are hidden, or too large."""
    root = os.path.realpath(folder)
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".") and name not in _SKIPPED]
        for name in names:
            if _NEVER.search(name):
                continue
            path = Path(place, name)
            if path.is_symlink() and Path(os.path.realpath(path)).is_relative_to(root):
                continue  # it is read under its own name
            if path.is_file() and path.stat().st_size <= LARGEST and is_launch_file(path):
                yield path


def is_launch_file(path: Path) -> bool:
    """A file of a folder is one, so far as it can be read: most names need no look into the file."""
    name = _bare(path.name)
    likely = templates.named(path) or not path.suffix
    likely |= any(pattern.search(name) for pattern in (_SHELL_NAME, _JOB_NAME, _YAML_NAME, _DOCKER_NAME))
    try:
        with path.open("rb") as file:
            data = file.read(2)
            if not likely and data != b"#!":
                return False
            data += file.read()
    except OSError:
        return False
    return b"\0" not in data and kind_of(path, data.decode("utf-8", errors="replace")) is not None


def _bare(name: str) -> str:
    """A name without the endings that say that it is a template: ``job.sbatch`` of ``job.sbatch.j2``."""
    while found := _TEMPLATE_END.search(name):
        name = name[: found.start()]
    return name


def content_of(path: Path) -> bytes:
    """What a file holds, of one that is too large only its beginning. Raises UserError if there is no such file."""
    try:
        if not path.is_file():
            return b"\0"  # a device, or a pipe, which may have no end
        with path.open("rb") as file:
            return file.read(LARGEST + 1)
    except OSError as error:
        raise UserError(Problem(f"cannot be read: {error.strerror}", str(path))) from None


def kind_of(path: Path, text: str) -> Kind | None:
    """What a file is, by its name and what stands in it; None: no launch file."""
    name = _bare(path.name)
    suffix = PurePath(name).suffix
    if _DOCKER_NAME.search(name) and not _OTHER_NAME.search(name):
        return "dockerfile" if re.search(r"^\s*FROM\s", text, re.MULTILINE | re.IGNORECASE) else None
    if _YAML_NAME.search(name):
        known = name in KUSTOMIZATIONS or helm.is_values(path) or helm.chart_of(path) is not None
        return "yaml" if known or API_VERSION.search(text) else None
    shebang = SHEBANG.match(text)
    interpreter = shebang[1] if shebang else ""
    if not interpreter and not suffix and templates.named(path) and API_VERSION.search(text):
        return "yaml"
    if re.match(r"#!.*\n(''|\"\")['\"]", text):  # Python that a shell only starts
        return None
    if (interpreter or "sh").endswith("sh"):
        meant = interpreter or _SHELL_NAME.search(name)
        named = meant or _JOB_NAME.search(name) or (not suffix and text.lstrip().startswith("#"))
        if named and "#SBATCH" in text and DIRECTIVE.search(without_heredocs(text)):
            return "sbatch"
        if meant:
            return "shell"
    return None


def without_heredocs(text: str) -> str:
    """The text with its here-documents emptied; its lines stay where they are."""
    return _HEREDOC.sub(lambda found: found[1] + "\n" * found[0].count("\n"), text)
