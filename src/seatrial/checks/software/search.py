"""Finds every copy of every component below a root, the one that a program gets first."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from seatrial.checks.software import loader
from seatrial.checks.software.layouts import COMPONENTS, DISTRIBUTION, PLACES, Place
from seatrial.checks.software.packages import installed
from seatrial.checks.software.tree import Tree

BLOCK, OVERLAP = 1 << 24, 256
"""Bytes of a library that are searched at once, and those that two blocks have in common: longer than any version."""
WHEEL = -1
"""Place in the order of what torch brings for itself."""
LAST = 10_000
"""Place in the order of what the loader does not find by itself."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Copy:
    """One copy of a component."""

    version: str
    """As it is written there; empty: it is there, and does not tell."""
    path: str
    """Below its root."""
    order: int = LAST
    """The least comes first; WHEEL: for torch; LAST and more: not without LD_LIBRARY_PATH or a path in the program."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Software:
    """What was found below one root."""

    found: Mapping[str, tuple[Copy, ...]]
    """Every component -> its copies, the one that comes first at the beginning; none: it was not found."""
    problems: Mapping[str, str] = field(default_factory=dict)
    """Path -> why it could not be looked at: something may be there."""

    def first(self, component: str) -> Copy | None:
        """The copy that a program gets."""
        copies = self.found.get(component, ())
        return copies[0] if copies else None


def search(
    root: Path = Path("/"), *, host: bool = True, library_path: Sequence[str] = (), packages: Sequence[str] = ()
) -> Software:
    """Everything below `root`. `host`: whether its kernel is the one that runs.

    `library_path`: LD_LIBRARY_PATH of its programs. `packages`: folders of Python packages beside the usual ones.
    """
    tree = Tree(root)
    folders = loader.folders(tree, library_path)
    distribution = installed(tree)
    found = {}
    for component in COMPONENTS:
        copies: dict[str, Copy] = {}
        for number, place in enumerate(PLACES.get(component, ())):
            if not place.host or host:
                for copy in _copies(tree, place, LAST + 1000 * number, folders, packages):
                    copies.setdefault(copy.path, copy)
        once = _once(tree, copies)
        for package in DISTRIBUTION.get(component, ()):
            if package in distribution and not any(copy.version for copy in once):
                version, database = distribution[package]
                once.append(Copy(version=_upstream(version), path=f"{database}: {package}", order=2 * LAST))
        found[component] = tuple(sorted(_told(once), key=lambda copy: copy.order))
    return Software(found=found, problems=tree.problems)


def _copies(tree: Tree, place: Place, last: int, folders: Sequence[str], packages: Sequence[str]) -> Iterator[Copy]:
    """Of one kind of place; `last`: their order where the loader does not decide it."""
    expression = re.compile(place.version)
    patterns = [*place.patterns]
    for pattern in place.patterns:
        head, mark, tail = pattern.partition("/site-packages/")
        if mark and head.startswith("/usr/lib/"):  # one of them stands for all
            patterns += [f"{folder}/{tail}" for folder in packages]
    for number, pattern in enumerate(patterns):
        for path in tree.glob(pattern):
            version = _version(tree, place, path, expression)
            if version or place.is_library:
                yield Copy(version=version, path=str(path), order=_order(tree, place, path, folders, last + number))


def _order(tree: Tree, place: Place, path: PurePosixPath, folders: Sequence[str], last: int) -> int:
    if place.wheel:
        return WHEEL
    found = loader.place(tree, _library(path), folders) if place.is_library else len(folders)
    return found if found < len(folders) else last


def _library(path: PurePosixPath) -> PurePosixPath:
    """The library that a file of pkg-config is about lies in the folder above."""
    return path.parent if path.parent.name == "pkgconfig" else path


def _version(tree: Tree, place: Place, path: PurePosixPath, expression: re.Pattern[str]) -> str:
    if place.how == "name":
        match = expression.search(str(path))
        return match[1] if match else ""
    if place.how == "text":
        match = expression.search(tree.text(path))
        return match[1] if match else ""
    try:
        return _in_bytes(tree.real(path), re.compile(expression.pattern.encode()))
    except OSError as error:
        tree.problems[str(path)] = error.strerror or str(error)
        return ""


def _in_bytes(path: Path, expression: re.Pattern[bytes]) -> str:
    """What ``strings | grep`` would find in a file of any size."""
    before = b""
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            match = expression.search(before + block)
            if match and match.end() < len(before) + len(block):
                return match[1].decode(errors="replace")
            before = (before + block)[-OVERLAP:]
    match = expression.search(before)
    return match[1].decode(errors="replace") if match else ""


def _once(tree: Tree, copies: Mapping[str, Copy]) -> list[Copy]:
    """Each file once, however many links lead to it: under the name by which the loader comes to it first."""
    kept: dict[Path, Copy] = {}
    for copy in copies.values():
        real = tree.real(PurePosixPath(copy.path))
        other = kept.get(real)
        if other is None or copy.order < other.order:
            kept[real] = copy
    return [*kept.values()]


def _told(copies: Sequence[Copy]) -> list[Copy]:
    """With the version of the only library that tells none itself, where something beside it does."""
    libraries = [copy for copy in copies if copy.order < LAST]
    dumb = [copy for copy in libraries if not copy.version and [c.order for c in libraries].count(copy.order) == 1]
    others = [copy for copy in copies if copy.order >= LAST and copy.version]
    known = [copy for copy in copies if copy.version and copy.order < LAST]
    if len(dumb) == 1 and others and not known:
        version, path = others[0].version, f"{dumb[0].path} ({others[0].path})"
        return [Copy(version=version, path=path, order=dumb[0].order), *(c for c in others[1:])]
    return [copy for copy in copies if copy.version or copy in dumb or copy.order >= LAST]


def _upstream(version: str) -> str:
    """``2.27.3-1+cuda12.9`` and ``1:2.27.3`` are 2.27.3."""
    return version.rpartition(":")[2].partition("-")[0]
