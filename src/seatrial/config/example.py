"""The example cluster of each launcher, for seatrial.toml and for the docs."""

from __future__ import annotations

from importlib import resources


def example(launcher: str) -> str:
    """The example cluster of a launcher, as TOML."""
    return resources.files(__package__).joinpath("examples", f"{launcher}.toml").read_text(encoding="utf-8")
