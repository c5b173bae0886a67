"""What dozens of rules ask of a document, or of a document in its tree, is looked for once."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Protocol, TypeVar


class Keeper(Protocol):
    """A Document, or a Tree."""

    @property
    def said(self) -> dict[Any, Any]:
        """What functions that look once say of it."""


T = TypeVar("T")
Document = TypeVar("Document", bound=Keeper)
Tree = TypeVar("Tree", bound=Keeper)


def once(find: Callable[[Document], T]) -> Callable[[Document], T]:
    """Lets a function look at a document once. What it returns must not be changed."""

    @functools.wraps(find)
    def said(document: Document) -> T:
        if find not in document.said:
            document.said[find] = find(document)
        found: T = document.said[find]
        return found

    return said


def once_in(find: Callable[[Document, Tree], T]) -> Callable[[Document, Tree], T]:
    """Lets a function look at a document in its tree once. What it returns must not be changed.

    It is kept in the tree. In the document it would close a circle, and documents are to be freed as soon as they are
    judged.
    """

    @functools.wraps(find)
    def said(document: Document, tree: Tree) -> T:
        key = find, id(document)
        if key not in tree.said:
            tree.said[key] = document, find(document, tree)  # the document, so that its id stays its own
        found: T = tree.said[key][1]
        return found

    return said
