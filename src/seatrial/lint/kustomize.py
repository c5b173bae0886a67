"""Kustomizations: the images that they put in the place of those that manifests name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from seatrial.errors import UserError
from seatrial.lint import documents
from seatrial.lint.documents import Document
from seatrial.lint.kinds import KUSTOMIZATIONS
from seatrial.lint.manifest import Map

_ABOVE = 3
"""Folders above a manifest in which its kustomization is looked for."""


def sets(image: str, document: Document, others: tuple[Document, ...]) -> bool:
    """A kustomization among the others, or beside or above a document, says which version of an image it gets."""
    name = image.partition("@")[0]
    head, slash, last = name.rpartition("/")
    name = head + slash + last.partition(":")[0]
    read = [one for one in others if one.path.name in KUSTOMIZATIONS]
    return any(name == entry.get("name") for entry in _entries([*read, *_around(document.path)]))


def _entries(found: list[Document]) -> Iterator[Map]:
    """What kustomizations say of images: https://kubectl.docs.kubernetes.io/references/kustomize/kustomization/images"""
    for document in found:
        for entry in (document.manifest or Map()).items_of("images"):
            if any(key in entry for key in ("newTag", "digest", "newName")):
                yield entry


def _around(path: Path) -> Iterator[Document]:
    for folder in [path.parent, *path.parent.parents][: _ABOVE + 1]:
        for name in KUSTOMIZATIONS:
            try:
                yield from documents.read(folder / name)
            except UserError:  # there is none
                continue
