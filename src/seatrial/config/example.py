"""The example cluster of each launcher."""

from __future__ import annotations

from seatrial import launchers


def example(launcher: str) -> str:
    """The example cluster of a launcher, as TOML."""
    path = launchers.find(launcher).example
    if path is None:
        return f'[clusters.{launcher}]\nlauncher = "{launcher}"\nnodes = 1\ncpus_per_node = 1\n'
    return path.read_text(encoding="utf-8")
