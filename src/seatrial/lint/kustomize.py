"""Kustomizations: the images that they put in the place of those that manifests name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from seatrial.errors import UserError
from seatrial.lint import documents
from seatrial.lint.documents import Document
from seatrial.lint.kinds import KUSTOMIZATIONS
from seatrial.lint.manifest import Map
from seatrial.lint.rules import Tree, gathered

_ABOVE = 3
"""Folders above a manifest in which its kustomization is looked for."""


def sets(image: str, document: Document, tree: Tree) -> bool:
    """A kustomization of the tree, or beside or above a document, says which version of an image it gets."""
    name = image.partition("@")[0]
    head, slash, last = name.rpartition("/")
    name = head + slash + last.partition(":")[0]
    return name in tree.all(images) or any(name in images(one) for one in _around(document.path))


@gathered
def images(document: Document) -> Iterator[str]:
    """Names of the images of which a kustomization says more.

    https://kubectl.docs.kubernetes.io/references/kustomize/kustomization/images
    """
    for entry in (document.manifest or Map()).items_of("images") if document.path.name in KUSTOMIZATIONS else ():
        if any(key in entry for key in ("newTag", "digest", "newName")):
            yield str(entry.get("name"))


def _around(path: Path) -> Iterator[Document]:
    for folder in [path.parent, *path.parent.parents][: _ABOVE + 1]:
        for name in KUSTOMIZATIONS:
            try:
                yield from documents.read(folder / name)
            except UserError:  # there is none
                continue
