"""References of container images: what makes one the same image next week."""

from __future__ import annotations

import re


def mutable(reference: str) -> str:
    """Why a reference may be another image tomorrow: ``has no tag ...``, ``has the tag latest``; empty if it is pinned.

    Pinned is a digest, or a tag that nobody moves: https://github.com/opencontainers/distribution-spec/blob/main/spec.md
    """
    name, _, digest = reference.partition("@")
    if re.fullmatch(r"sha256:[0-9a-f]{64}", digest):
        return ""
    if digest:
        return f"has the digest {digest}, which is none"
    tag = name.rpartition("/")[2].partition(":")[2]
    if not tag:
        return "has no tag, which means latest"
    return f"has the tag {tag}" if re.search(r"(^|[-_.])latest$", tag) else ""
