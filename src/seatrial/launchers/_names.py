"""Names that engines accept, made of the names of runs."""

from __future__ import annotations

import hashlib
import re


def engine_name(run: str, *, longest: int) -> str:
    """A name of lower-case letters, digits and hyphens for a run: the same each time, another for another run."""
    slug = re.sub(r"[^a-z0-9]+", "-", run.lower()).strip("-")
    if slug == run and len(slug) <= longest and slug[0].isalpha():
        return slug
    mark = hashlib.sha256(run.encode()).hexdigest()[:8]
    slug = slug if slug[:1].isalpha() else f"run-{slug}"
    return f"{slug[: longest - 9].rstrip('-')}-{mark}"
