"""In which order the dynamic loader looks into folders. ld.so(8), ldconfig(8)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

from seatrial.checks.software.tree import Tree

MULTIARCH = ("x86_64-linux-gnu", "aarch64-linux-gnu")
USUAL = (
    *(f"{folder}/{triple}" for triple in MULTIARCH for folder in ("/lib", "/usr/lib")),
    *("/lib64", "/usr/lib64", "/lib", "/usr/lib"),
)
"""Where it looks at last."""
DEPTH = 8
"""Files of ld.so.conf that include each other."""


def folders(tree: Tree, library_path: Sequence[str] = ()) -> list[str]:
    """Folders in the order in which a program without a path of its own finds a library in them.

    `library_path`: what LD_LIBRARY_PATH holds for it.
    """
    configured = _configured(tree, PurePosixPath("/etc/ld.so.conf"), DEPTH)
    return list(dict.fromkeys([*filter(None, library_path), *configured, *USUAL]))


def _configured(tree: Tree, path: PurePosixPath, depth: int) -> Iterator[str]:
    if not depth or not tree.exists(path):
        return
    for line in tree.text(path).splitlines():
        words = line.partition("#")[0].split()
        if words[:1] == ["include"]:
            for pattern in words[1:]:
                absolute = pattern if pattern.startswith("/") else f"{path.parent}/{pattern}"
                for other in tree.glob(absolute):
                    yield from _configured(tree, other, depth - 1)
        elif words and words[0].startswith("/"):
            yield words[0].rstrip("/")


def place(tree: Tree, path: PurePosixPath, order: Sequence[str]) -> int:
    """Which of these folders a library is in; as many as there are of them for one that is in none."""
    real = tree.real(path.parent)
    for number, folder in enumerate(order):
        if str(path.parent) == folder or real == tree.real(PurePosixPath(folder)):
            return number
    return len(order)
