"""Which versions of EFA's and NCCL's software a launch file states: in variables, build arguments, tags of images."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import cast

from seatrial.lint.documents import Document
from seatrial.lint.once import once
from seatrial.network.site import VersionTexts

VARIABLES = {
    "EFA_INSTALLER_VERSION": "efa_installer",
    "EFA_VERSION": "efa_installer",
    "AWS_EFA_INSTALLER_VERSION": "efa_installer",
    "AWS_OFI_NCCL_VERSION": "aws_ofi_nccl",
    "OFI_NCCL_VERSION": "aws_ofi_nccl",
    "NCCL_VERSION": "nccl",
}
"""Names under which launch files keep a version -> component."""
_TEXTS = {
    "efa_installer": re.compile(r"(?:\befa-?|aws-efa-installer-)(\d+(?:\.\d+)+)"),
    "aws_ofi_nccl": re.compile(r"\bofiv?-?(\d+(?:\.\d+)+)"),
    "nccl": re.compile(r"\bncclv?-?(\d+(?:\.\d+)+)"),
}
"""How tags of images, and the URL of the EFA installer, state it."""


@dataclass(frozen=True, slots=True)
class Stated:
    """A version that a launch file states."""

    component: str
    version: str
    """Digits and dots."""
    line: int


def versions(document: Document) -> VersionTexts:
    """Versions on its nodes or in its image, as far as it states them in a way that can be read."""
    found = document.site() | {item.component: item.version for item in stated(document)}
    read = {name: text for name, text in found.items() if re.search(r"\d+\.\d+", text)}
    return cast(VersionTexts, {name: text for name, text in read.items() if name in VersionTexts.__annotations__})


@once
def stated(document: Document) -> list[Stated]:
    """Every version that the document states, in the order of its lines."""
    assigned = document.assignments()
    assigned += [a for i in document.instructions if i.name == "ARG" and i.script for a in i.script.assignments]
    found = []
    for assignment in assigned:
        named = assignment.value if assignment.name in VARIABLES else None
        version = re.match(r"v?(\d+(?:\.\d+)+)", named) if named else None
        if version:
            found.append(Stated(VARIABLES[assignment.name], version[1], assignment.line))
    texts: list[tuple[str, int]] = [(image, image.line) for c in document.containers if (image := c.spec.text("image"))]
    texts += [(s.image, s.start.line) for s in document.stages if s.base is None]
    texts += [(word.text, word.line) for c in document.commands() for word in c.words if "efa-installer" in word.text]
    for text, line in texts:
        for component, pattern in _TEXTS.items():
            if version := pattern.search(text):
                found.append(Stated(component, version[1], line))
    return sorted(found, key=lambda item: item.line)
