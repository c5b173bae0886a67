"""The manifest of a checkpoint: what its files are, and what each rank had passed, under a checksum of its own."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

FORMAT = 1
MANIFEST = "manifest.json"


def write(folder: Path, manifest: dict[str, Any]) -> None:
    """Onto the disk, not only into its cache."""
    with (folder / MANIFEST).open("w", encoding="utf-8") as file:
        json.dump({**manifest, "sha256": _digest(manifest)}, file)
        file.flush()
        os.fsync(file.fileno())


def read(folder: Path) -> dict[str, Any]:
    """The manifest. Raises ValueError if it is not as it was written, or of another format."""
    manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    if manifest.pop("sha256") != _digest(manifest):
        raise ValueError(f"{MANIFEST} is not as it was written")
    if manifest["format"] != FORMAT:
        raise ValueError(f"format {manifest['format']}, not {FORMAT}")
    return manifest


def checksum(path: Path) -> dict[str, Any]:
    """What it has of a file: its bytes, and their SHA-256."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return {"bytes": os.fstat(file.fileno()).st_size, "sha256": digest}


def _digest(manifest: dict[str, Any]) -> str:
    """Of a manifest's own content: it holds the place in the data, which nothing else vouches for."""
    return hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()
