"""Files from elsewhere, each by the checksum that it must have."""

from __future__ import annotations

import hashlib
import os
import urllib.request
from collections.abc import Sequence
from pathlib import Path

from .steps import Failure, log, retry

FOLDER = Path("/var/cache/seatrial")
PAUSES = (2, 4, 8, 16)
"""Seconds between tries."""
TIMEOUT_SECONDS = 60


def fetch(url: str, sha256: str, pauses: Sequence[float] = PAUSES) -> Path:
    """The file, which was fetched before or is now. Raises Failure, also where its checksum is another."""
    path = FOLDER / f"{sha256[:16]}-{url.rpartition('/')[2]}"
    if path.exists() and hashlib.sha256(path.read_bytes()).hexdigest() == sha256:
        return path

    def attempt() -> str:
        try:
            with urllib.request.urlopen(url, timeout=TIMEOUT_SECONDS) as answer:
                data = bytes(answer.read())
        except (OSError, ValueError) as error:
            remedy = "see that the subnet of the nodes has a way out, such as a NAT gateway"
            raise Failure(f"{url} cannot be downloaded: {getattr(error, 'reason', error)}", remedy) from None
        found = hashlib.sha256(data).hexdigest()
        if found != sha256:
            remedy = "look at the file: if it is the right one, give this checksum in the architecture's parameters"
            raise Failure(f"{url} has the SHA-256 {found}, not {sha256}", remedy)
        FOLDER.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        part.write_bytes(data)
        os.replace(part, path)
        log(f"    downloaded {url}")
        return str(path)

    return Path(retry("download", pauses, attempt))
