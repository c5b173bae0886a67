"""Scripts that another script of the tree starts, and what they do with its variables."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from seatrial.lint import shell
from seatrial.lint.allocation import program_of_srun
from seatrial.lint.documents import Document, Kind
from seatrial.lint.launch import Launch, launched, launches
from seatrial.lint.once import once_in
from seatrial.lint.rules import Tree, gathered
from seatrial.lint.script import Command, Script, Word

_SCRIPT = re.compile(r"\.(sh|bash|sbatch|slurm|sub|job)$")
DEEPEST = 3
"""Scripts that start scripts are followed this far."""


@dataclass(frozen=True, slots=True)
class Started:
    """A script that a command of another starts."""

    command: Command
    document: Document
    script: Script
    """Its code, with the values of the variables that the caller exports."""


@once_in
def started(document: Document, tree: Tree) -> list[Started]:
    """Every script of the tree that a document starts itself."""
    found = []
    for script in document.scripts:
        for command in script.commands:
            word = script_of(command)
            other = find(word, document, tree) if word else None
            if other and other.path != document.path:
                given = tuple(sorted((name, value) for name, value in script.values.items() if name in script.exported))
                found.append(Started(command, other, _read(other.text, other.line, given, command)))
    return found


def script_of(command: Command) -> Word | None:
    """The file of shell code that a command starts: ``bash x.sh``, ``srun -N 2 ./x.sh``."""
    words: Sequence[Word] = command.words
    if command.find("srun") is not None:
        words = program_of_srun(words)
    while words and (words[0].text in ("exec", "env", "nohup", "time") or re.match(r"\w+=", words[0].text)):
        words = words[1:]
    if words and words[0].name in shell.SHELLS:
        words = words[1:]
        while words and re.fullmatch(r"-[a-bd-z]+|--\w+", words[0].text):
            words = words[1:]
    return words[0] if words and _SCRIPT.search(words[0].text) else None


@gathered
def scripts(document: Document) -> Iterator[tuple[Path, Kind, str, int]]:
    """Shell code that is a file of its own: path, kind, text and line of it."""
    if document.kind in ("shell", "sbatch") and not document.embedded:
        yield document.path, document.kind, document.text, document.line


def find(word: Word, document: Document, tree: Tree) -> Document | None:
    """The script of the tree that a path in a document means: beside it, or the only one whose path ends like it."""
    path = re.sub(r"^.*[$`})][^/]*/", "", word.text)  # a variable before it: some folder
    name = PurePosixPath(path).name
    named = _by_name(tree.all(scripts)).get(name, ())
    beside = [other for other in named if other.path == Path(document.path.parent, path)]
    beside += [other for other in named if other.path.parent == document.path.parent]
    parts = [part for part in PurePosixPath(path).parts if part not in ("/", ".", "..")]
    ends = [other for other in named if other.path.parts[-2:] == tuple(parts[-2:]) or len(parts) == 1]
    return beside[0] if beside else ends[0] if len(ends) == 1 else None


@functools.lru_cache(maxsize=1)
def _by_name(found: frozenset[tuple[Path, Kind, str, int]]) -> Mapping[str, list[Document]]:
    """Name of a file -> the scripts that are called so."""
    named: dict[str, list[Document]] = {}
    for path, kind, text, line in sorted(found):
        named.setdefault(path.name, []).append(Document(path=path, kind=kind, text=text, line=line))
    return named


@functools.lru_cache(maxsize=256)
def _read(text: str, line: int, known: tuple[tuple[str, str], ...], outer: Command) -> Script:
    return shell.parse(text, line=line, known=dict(known), outer=outer)


@once_in
def launches_of(document: Document, tree: Tree) -> list[Launch]:
    """Every training program that a document starts, in itself and in the scripts that it starts."""
    found = list(launched(document))
    if document.kind == "sbatch":  # whoever starts another script says on how many nodes
        found += [launch for one in started(document, tree) for launch in _within(one, one.command, tree, 1)]
    return found


def _within(one: Started, via: Command, tree: Tree, depth: int) -> Iterator[Launch]:
    for launch in launches([one.script]):
        place = f"{one.document.path.name}:{launch.words[0].line}"
        yield replace(launch, via=via, place=place)
    if depth < DEEPEST:
        for inner in started(replace(one.document, scripts=(one.script,)), tree):
            yield from _within(inner, via, tree, depth + 1)
