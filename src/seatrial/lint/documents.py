"""Launch files, read: sbatch scripts, shell scripts, Kubernetes manifests, Dockerfiles, and those inside each other."""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from seatrial.errors import Problem, UserError
from seatrial.hardware.instances import Instance
from seatrial.lint import dockerfile, helm, layout, manifest, shell, templates
from seatrial.lint.docker_stages import Stage, stages
from seatrial.lint.dockerfile import Instruction
from seatrial.lint.kinds import API_VERSION, DIRECTIVE, LARGEST, SHEBANG, below, content_of, kind_of
from seatrial.lint.kinds import Kind as Kind
from seatrial.lint.kinds import without_heredocs as without_heredocs
from seatrial.lint.manifest import Container, Map
from seatrial.lint.once import once
from seatrial.lint.script import Assignment, Command, Script
from seatrial.lint.templates import Filled

_SITE = re.compile(r"^[ \t]*#[ \t]*seatrial:[ \t]*site\[([^\]\n]*)\]", re.MULTILINE)


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
    filled_in: frozenset[int] = frozenset()
    """Lines of its file that were not seen, from 0: a template fills them in, or chooses them, or the rest of it is no
    YAML with them."""
    scripts: tuple[Script, ...] = ()
    """All shell code in it."""
    manifest: Map | None = None
    containers: tuple[Container, ...] = ()
    instructions: tuple[Instruction, ...] = ()
    embedded: bool = False
    """It stands in a here-document of another document."""
    said: dict[Any, Any] = field(default_factory=dict, init=False, repr=False, compare=False)
    """What functions that look `once` say of it."""

    @property
    def unread_lines(self) -> int:
        """How many of its lines could not be read, beside those that are filled in: all if nothing in it could be."""
        read = self.scripts or self.instructions or self.manifest is not None
        if self.problem and not read:
            return len(self.text.splitlines())
        return sum(script.unread for script in self.scripts) + sum(item.unread for item in self.instructions)

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

    def commands(self, *programs: str) -> Iterator[Command]:
        """Every command in its shell code, or every one that names one of the programs; see Script.naming."""
        parts = (script.naming(*programs) if programs else script.commands for script in self.scripts)
        return itertools.chain.from_iterable(parts)

    @functools.cached_property
    def stages(self) -> list[Stage]:
        """The stages of a Dockerfile, in their order."""
        return stages(self.instructions)

    def site(self) -> dict[str, str]:
        """What a comment ``# seatrial: site[instance=p5.48xlarge nccl=2.28.3]`` says of where it runs."""
        comments = _SITE.finditer(self.text) if "site[" in self.text else ()
        words = [word for found in comments for word in re.split(r"[,\s]+", found[1]) if "=" in word]
        return dict(word.split("=", 1) for word in words)

    @once
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
            found.update(dict.fromkeys(sorted(below(path))))
        elif path.exists():
            found[path] = None
        else:
            missing.append(Problem("there is no such file or folder", str(path)))
    if missing:
        raise UserError(missing)
    return list(found)


def read(path: Path) -> list[Document]:
    """The documents of one file. What cannot be parsed is a document with a `problem`.

    Raises UserError if there is no such file, or if it is no launch file.
    """
    return of_content(path, content_of(path))


def of_content(path: Path, data: bytes) -> list[Document]:
    """The documents in what a file holds; see `read`."""
    text = data.decode("utf-8", errors="replace")
    kind = None if "\0" in text else kind_of(path, text)
    if kind is None:
        remedy = "give sbatch scripts, shell scripts, Kubernetes manifests, Dockerfiles, or folders that hold some"
        raise UserError(Problem("is no launch file", str(path), remedy))
    if len(data) > LARGEST:
        return [Document(path=path, kind=kind, text=text, problem=f"is larger than {LARGEST >> 20} MiB")]
    if text.encode("utf-8", errors="replace") != data:
        return [Document(path=path, kind=kind, text=text, problem="is not UTF-8 text")]
    return parse(path, kind, text)


def parse(path: Path, kind: Kind, text: str, *, line: int = 1, embedded: bool = False) -> list[Document]:
    """The documents of a text that begins at a line of its file."""
    unread = Document(path=path, kind=kind, text=text, line=line, problem_line=line, embedded=embedded)
    chart = helm.chart_of(path) if kind == "yaml" and not embedded else None
    rendered = helm.render(chart) if chart else None
    if rendered and path in rendered.texts:
        return _rendered(unread, rendered.texts[path])
    tagged = chart is not None
    filled = None if embedded else templates.fill(path, text, shell=kind in ("shell", "sbatch"), tagged=tagged)
    try:
        try:
            failed = rendered.problem if rendered else ""
            return _filled_in(unread, filled, failed) if filled else _parse(unread)
        except manifest.Templated:
            filled = templates.fill(path, text, shell=False, tagged=True)
            if filled is None:
                raise
            return _filled_in(unread, filled)
    except ValueError as error:
        problem, at = error.args
        return [replace(unread, problem=problem, problem_line=at)]


def _rendered(unread: Document, text: str) -> list[Document]:
    """The documents of a template of Helm that was rendered, with the lines of the template."""
    try:
        documents = _yaml(replace(unread, text=text), helm.places(unread.text, text))
    except ValueError as error:
        return [replace(unread, problem=f"is a template, which came to what {error.args[0]}")]
    return [replace(document, text=unread.text) for document in documents]


def _filled_in(unread: Document, filled: Filled, failed: str = "") -> list[Document]:
    """The documents of a template, whatever it fills in. They hold less than what will be there."""
    first = unread.line + min(filled.lines, default=0)
    found, texts, read = [], [], []
    for text in filled.texts:
        text = layout.laid_out(filled, text) if unread.kind == "yaml" else text
        texts.append(text)
        try:
            documents = _parse(replace(unread, text=text))
        except ValueError:
            text = manifest.without_errors(text)
            documents = _parse(replace(unread, text=text))
        read.append(text)
        found += documents
    lost = templates.rows(texts) - templates.rows(read) - filled.lines
    problem = filled.problem(lost) + (f" ({failed})" if failed else "")
    filled_in = filled.lines | filled.untaken | lost
    said = found or [unread]  # all of it may be filled in
    return [replace(document, problem=problem, problem_line=first, filled_in=filled_in) for document in said]


def _parse(unread: Document) -> list[Document]:
    """Raises ValueError, with the line, for what is not of its kind."""
    if unread.kind == "yaml":
        return _yaml(unread)
    if unread.kind == "dockerfile":
        instructions = tuple(dockerfile.load(unread.text, line=unread.line))
        scripts = tuple(i.script for i in instructions if i.script and i.name not in ("ENV", "ARG"))
        return [_complete(unread, scripts, instructions=instructions)]
    interpreter = SHEBANG.match(unread.text)
    if interpreter and interpreter[1] not in (*shell.SHELLS, "ksh", "zsh"):
        return [replace(unread, problem=f"is written for {interpreter[1]}, which is not read")]
    script = shell.parse(unread.text, line=unread.line)
    return [_complete(unread, (script,)), *_embedded(unread.path, [script])]


def _yaml(unread: Document, places: Sequence[int] = ()) -> list[Document]:
    """`places`: the line that each of its lines comes from."""
    documents = []
    for item in manifest.load("\n" * (unread.line - 1) + unread.text):  # so that its marks count the file's lines
        if item.get("kind") == "CustomResourceDefinition":  # what it says of containers is a schema
            continue
        if places:
            helm.relocate(item, places)
        containers = tuple(manifest.in_values(item) if helm.is_values(unread.path) else manifest.containers(item))
        scripts = tuple(script for container in containers if (script := container.script))
        documents.append(_complete(unread, scripts, manifest=item, containers=containers))
    return documents


def _complete(unread: Document, scripts: tuple[Script, ...], **parts: Any) -> Document:
    broken = next((script.error for script in scripts if script.error is not None), None)
    if broken is not None:
        parts |= {"problem": "holds what is no shell code, or none that can be read", "problem_line": broken}
    lost = next((item for item in parts.get("instructions", ()) if item.problem), None)
    if lost:
        parts |= {"problem": lost.problem, "problem_line": lost.line}
    return replace(unread, scripts=scripts, **parts)


def _embedded(path: Path, scripts: Iterable[Script]) -> list[Document]:
    """The documents in the here-documents of scripts: ``sbatch <<EOF``, ``kubectl apply -f - <<EOF``."""
    found = []
    for script in scripts:
        for text, line in script.heredocs():
            if DIRECTIVE.search(text):
                found += parse(path, "sbatch", text, line=line, embedded=True)
            elif API_VERSION.search(text):
                found += parse(path, "yaml", text, line=line, embedded=True)
    return found
