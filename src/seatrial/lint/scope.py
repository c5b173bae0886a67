"""Which variables a script finds set, and by whom: itself, what it sources, the files around it, or nobody knows."""

from __future__ import annotations

import functools
import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from seatrial.lint import shell
from seatrial.lint.documents import Document
from seatrial.lint.handing import handing, sourced
from seatrial.lint.once import once_in
from seatrial.lint.rules import Tree
from seatrial.lint.script import Script

_LARGEST = 2**18
"""Bytes of a file that is sourced. Nobody writes settings that are longer."""
_SHORTEST = 5
"""Characters. Shorter names are like each other by chance."""


def names(document: Document, tree: Tree) -> frozenset[str] | None:
    """Names that its scripts and what they source set; None: not to be known without running."""
    scripts = together(document, tree)
    if scripts is None:
        return None
    optional = frozenset(use.name for script in scripts for use in script.uses if use.optional)
    return optional.union(*(script.defined for script in scripts))


def environment(document: Document, tree: Tree) -> frozenset[str] | None:
    """Names that a program may find in its environment that one of its scripts starts; None: not to be known."""
    scripts = together(document, tree)
    return None if scripts is None else handed(document, tree).union(*(script.handed for script in scripts))


def together(document: Document, tree: Tree) -> list[Script] | None:
    """Its scripts and all that they source; None: there are others, or they set what only shows when they run."""
    scripts, seen = list(document.scripts), set[Path]()
    for script in scripts:  # which grows
        if script.dynamic:
            return None
        for word in sourced(script.commands):
            if _adds_nothing(word.text):
                continue
            path = _beside(word.text, document, tree) if word.known else None
            if path is None:
                return None
            if path not in seen:
                seen.add(path)
                scripts.append(_read(path, path.stat().st_mtime_ns))
    return scripts


def _adds_nothing(path: str) -> bool:
    """It prepares an environment of Python or of Node: what it sets, scripts do not use by name."""
    return path.endswith(("/activate", "/conda.sh", "/nvm.sh", "/cargo/env"))


def _beside(name: str, document: Document, tree: Tree) -> Path | None:
    """The file of a literal path: from the document's own folder, or from one above it in the tree."""
    for folder in (document.path.parent, *above(document.path, tree)):
        path = folder / name
        if path.is_file() and path.stat().st_size <= _LARGEST:
            return path
    return None


def above(path: Path, tree: Tree) -> Iterator[Path]:
    """The folders above a file that belong to the tree."""
    return (folder for folder in path.parents if any(folder.is_relative_to(root) for root in tree.roots))


@functools.lru_cache(maxsize=16)
def _read(path: Path, _changed: int) -> Script:
    return shell.parse(path.read_text(encoding="utf-8", errors="replace"))


@once_in
def handed(document: Document, tree: Tree) -> frozenset[str]:
    """Names that other files of its folder, of those beside it, or of those above hand to what they start."""
    own = document.path.parent
    around = (own.parent if own in above(document.path, tree) else own).as_posix()
    found = set[str]()
    for folder, files in _by_folder(tree.all(handing)).items():
        if f"{folder}/".startswith(f"{around}/") or f"{around}/".startswith(f"{folder}/"):
            found.update(*(names for path, names in files if path != document.path.as_posix()))
    return frozenset(found)


@functools.lru_cache(maxsize=1)
def _by_folder(found: frozenset[tuple[str, frozenset[str]]]) -> Mapping[str, list[tuple[str, frozenset[str]]]]:
    """Folder -> its files, and the names that each hands on."""
    folders: dict[str, list[tuple[str, frozenset[str]]]] = {}
    for path, names in found:
        folders.setdefault(path.rpartition("/")[0] or ".", []).append((path, names))
    return folders


def near(name: str, others: Collection[str]) -> Iterator[str]:
    """Names, sorted, that are the same but for their case, their underscores or one character."""
    for other in sorted(others):
        if other != name and (_plain(other) == _plain(name) or _one_slip(name, other)):
            yield other


def _plain(name: str) -> str:
    return name.replace("_", "").lower()


def _one_slip(one: str, other: str) -> bool:
    """One character is changed, missing or too many, or two have changed places; a number is another thing."""
    if max(len(one), len(other)) < _SHORTEST or abs(len(one) - len(other)) > 1:
        return False
    begin = _alike(one, other)
    end = _alike(one[begin:][::-1], other[begin:][::-1])
    left, right = one[begin : len(one) - end], other[begin : len(other) - end]
    swapped = len(left) == 2 and left == right[::-1]
    return (swapped or max(len(left), len(right)) <= 1) and not re.search(r"\d", left + right)


def _alike(one: str, other: str) -> int:
    """Characters at the beginning of both."""
    return next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
