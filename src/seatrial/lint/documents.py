"""Launch files, read: sbatch scripts, shell scripts, Kubernetes manifests, Dockerfiles, and those inside each other."""

from __future__ import annotations

import functools
import itertools
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from seatrial.errors import Problem, UserError
from seatrial.hardware import Instance
from seatrial.lint import dockerfile, manifest, shell
from seatrial.lint.dockerfile import Instruction
from seatrial.lint.manifest import Container, Map
from seatrial.lint.script import Assignment, Command, Script

Kind = Literal["sbatch", "shell", "yaml", "dockerfile"]

_SHELL_NAME = re.compile(r"\.(sh|bash|sbatch|slurm|sub|job)$")
_YAML_NAME = re.compile(r"\.ya?ml([-.](template|tmpl|tpl|in|j2))?$")
_DOCKER_NAME = re.compile(r"^(Dockerfile|Containerfile)([.-].*)?$|(^|\.)(?i:dockerfile|containerfile)$")
_TEMPLATE_NAME = re.compile(r"[-.](template|tmpl|tpl|in|j2|jinja|jinja2)$")
_SHEBANG = re.compile(r"#!\s*\S*?(?:env\s+(?:-\S+\s+)*)?(\w+)(?:\s|$)")
_DIRECTIVE = re.compile(r"^#SBATCH\b", re.MULTILINE)
_HEREDOC = re.compile(r"(<<-?[ \t]*[\"']?(\w+)[\"']?[^\n]*)\n(?:.*\n)*?[ \t]*\2[ \t]*$", re.MULTILINE)
_TEMPLATED = re.compile(r"\{%-?\s*\w+|\{\{-?\s*[\w.$(]")
_SITE = re.compile(r"^[ \t]*#[ \t]*seatrial:[ \t]*site\[([^\]\n]*)\]", re.MULTILINE)
_NEVER = re.compile(
    r"\.(pyi?|pyc|ipynb|md|rst|jsonl?|toml|c|cc|cpp|cu|h|hpp|go|rs|[jt]sx?|ps1|css|html|lock|csv|parquet"
    r"|png|jpg|svg|gif|pdf|gz|zip|whl|so|o|a|bin|pt|safetensors)$"
)
"""Ends of names of what is no launch file, whatever it begins with: most of what a folder holds, not to be opened."""
_SKIPPED = {"node_modules", "__pycache__", "site-packages", "venv"}
LARGEST = 2**20
"""Bytes. Nobody writes a launch file that is larger; in a folder such files are left out."""


@dataclass(frozen=True, kw_only=True)
class Document:
    """One launch file, or one of several in a file."""

    path: Path
    kind: Kind
    text: str
    line: int = 1
    """Line of the file on which it begins."""
    problem: str = ""
    """Why it, or a part of it, could not be read. Nothing may be concluded from what is not found in it."""
    problem_line: int = 1
    scripts: tuple[Script, ...] = ()
    """All shell code in it."""
    manifest: Map | None = None
    containers: tuple[Container, ...] = ()
    instructions: tuple[Instruction, ...] = ()
    embedded: bool = False
    """It stands in a here-document of another document."""

    @property
    def unread_lines(self) -> int:
        """How many of its lines were not read: all of them if nothing in it could be."""
        read = self.scripts or self.instructions or self.manifest is not None
        return len(self.text.splitlines()) if self.problem and not read else 0

    def assignments(self) -> list[Assignment]:
        """Variables that it sets for the programs it starts, in the order of its lines: by shell assignments, ``env``,
        ``mpirun -x``, the ``env`` of containers, ENV. Empty if it could not be read: look at `problem`."""
        return list(self._assignments)

    @functools.cached_property
    def _assignments(self) -> list[Assignment]:
        if self.kind == "dockerfile":
            found = [a for i in self.instructions if i.name != "ARG" and i.script for a in i.script.assignments]
        else:
            found = [a for container in self.containers for a in container.environment]
            found += [a for script in self.scripts for a in script.assignments]
        return sorted(found, key=lambda assignment: assignment.line)

    def commands(self) -> Iterator[Command]:
        """Every command in its shell code."""
        return itertools.chain.from_iterable(script.commands for script in self.scripts)

    def site(self) -> dict[str, str]:
        """What a comment ``# seatrial: site[instance=p5.48xlarge nccl=2.28.3]`` says of where it runs."""
        words = [word for found in _SITE.finditer(self.text) for word in re.split(r"[,\s]+", found[1]) if "=" in word]
        return dict(word.split("=", 1) for word in words)

    def instance(self) -> Instance | None:
        """The one instance type that it names for its nodes; None: none, several, or one we do not know."""
        named = [manifest.instance_type(container.pod) for container in self.containers]
        named.append(manifest.known_instance(self.site().get("instance", "")))
        for assignment in self.assignments():
            if assignment.name.upper().endswith("INSTANCE_TYPE") and assignment.value:
                named.append(manifest.known_instance(assignment.value))
        found = {instance.name: instance for instance in named if instance}
        return next(iter(found.values())) if len(found) == 1 else None


def find(paths: Iterable[Path]) -> list[Path]:
    """The launch files among files and in folders, sorted. Raises UserError for a path that does not exist."""
    found: dict[Path, None] = {}
    missing = []
    for path in paths:
        if path.is_dir():
            found.update(dict.fromkeys(sorted(file for file in _files(path) if kind_of(file, _peek(file)))))
        elif path.exists():
            found[path] = None
        else:
            missing.append(Problem("there is no such file or folder", str(path)))
    if missing:
        raise UserError(missing)
    return list(found)


def _files(folder: Path) -> Iterator[Path]:
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".") and name not in _SKIPPED]
        for name in names:
            if _NEVER.search(name):
                continue
            path = Path(place, name)
            if path.is_file() and path.stat().st_size <= LARGEST:
                yield path


def _peek(path: Path) -> str:
    if not (_SHELL_NAME.search(path.name) or _YAML_NAME.search(path.name) or _DOCKER_NAME.search(path.name)):
        with path.open("rb") as file:
            if path.suffix and not _TEMPLATE_NAME.search(path.name) and file.read(2) != b"#!":
                return ""
    try:
        return path.read_bytes().decode("utf-8", errors="replace")
    except OSError:
        return ""


def kind_of(path: Path, text: str) -> Kind | None:
    """What a file is, by its name and what stands in it; None: no launch file."""
    if _DOCKER_NAME.search(path.name) and re.search(r"^\s*FROM\s", text, re.MULTILINE | re.IGNORECASE):
        return "dockerfile"
    if _YAML_NAME.search(path.name):
        return "yaml" if re.search(r"^apiVersion\s*:", text, re.MULTILINE) else None
    shebang = _SHEBANG.match(text)
    interpreter = shebang[1] if shebang else ""
    if (interpreter or "sh").endswith("sh"):
        if _DIRECTIVE.search(without_heredocs(text)) and (
            interpreter or _SHELL_NAME.search(path.name) or not path.suffix
        ):
            return "sbatch"
        if interpreter or _SHELL_NAME.search(path.name):
            return "shell"
    return None


def without_heredocs(text: str) -> str:
    """The text with its here-documents emptied; its lines stay where they are."""
    return _HEREDOC.sub(lambda found: found[1] + "\n" * found[0].count("\n"), text)


def read(path: Path) -> list[Document]:
    """The documents of one file. What cannot be parsed is a document with a `problem`.

    Raises UserError if there is no such file, or if it is no launch file.
    """
    try:
        text = path.read_bytes().decode("utf-8")
    except OSError as error:
        raise UserError(Problem(f"cannot be read: {error.strerror}", str(path))) from None
    except UnicodeDecodeError:
        text = path.read_bytes().decode("utf-8", errors="replace")
        return [Document(path=path, kind=kind_of(path, text) or "shell", text=text, problem="is not UTF-8 text")]
    kind = kind_of(path, text)
    if kind is None:
        remedy = "give sbatch scripts, shell scripts, Kubernetes manifests, Dockerfiles, or folders that hold some"
        raise UserError(Problem("is no launch file", str(path), remedy))
    return parse(path, kind, text)


def parse(path: Path, kind: Kind, text: str, *, line: int = 1, embedded: bool = False) -> list[Document]:
    """The documents of a text that begins at a line of its file."""
    unread = Document(path=path, kind=kind, text=text, line=line, problem_line=line, embedded=embedded)
    template = _TEMPLATED.search(text) if kind != "yaml" and _TEMPLATE_NAME.search(path.name) else None
    if template:
        at = line + text.count("\n", 0, template.start())
        return [replace(unread, problem=manifest.TEMPLATE, problem_line=at)]
    try:
        if kind == "yaml":
            return _yaml(unread)
        if kind == "dockerfile":
            instructions = tuple(dockerfile.load(text, line=line))
            scripts = tuple(i.script for i in instructions if i.script and i.name not in ("ENV", "ARG"))
            return [_complete(unread, scripts, instructions=instructions)]
    except ValueError as error:
        problem, at = error.args
        return [replace(unread, problem=problem, problem_line=at)]
    interpreter = _SHEBANG.match(text)
    if interpreter and interpreter[1] not in (*shell.SHELLS, "ksh", "zsh"):
        return [replace(unread, problem=f"is written for {interpreter[1]}, which is not read")]
    script = shell.parse(text, line=line)
    return [_complete(unread, (script,)), *_embedded(path, [script])]


def _yaml(unread: Document) -> list[Document]:
    documents = []
    for item in manifest.load("\n" * (unread.line - 1) + unread.text):  # so that its marks count the file's lines
        containers = tuple(manifest.containers(item))
        scripts = tuple(script for container in containers if (script := container.script))
        documents.append(_complete(unread, scripts, manifest=item, containers=containers))
    return documents


def _complete(unread: Document, scripts: tuple[Script, ...], **parts: Any) -> Document:
    broken = next((script.error for script in scripts if script.error is not None), None)
    if broken is not None:
        parts |= {"problem": "holds what is no shell code, or none that can be read", "problem_line": broken}
    return replace(unread, scripts=scripts, **parts)


def _embedded(path: Path, scripts: Iterable[Script]) -> list[Document]:
    """The documents in the here-documents of scripts: ``sbatch <<EOF``, ``kubectl apply -f - <<EOF``."""
    found = []
    for script in scripts:
        for text, line in script.heredocs():
            if _DIRECTIVE.search(text):
                found += parse(path, "sbatch", text, line=line, embedded=True)
            elif re.search(r"^apiVersion\s*:", text, re.MULTILINE):
                found += parse(path, "yaml", text, line=line, embedded=True)
    return found
