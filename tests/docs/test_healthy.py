"""docs/healthy.md, as it stands."""

from __future__ import annotations

from pathlib import Path

from tests.docs.session import DOCS, play


def test_healthy(tmp_path: Path):
    assert play(DOCS / "healthy.md", tmp_path / "project")
