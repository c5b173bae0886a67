"""docs/local.md, as it stands."""

from __future__ import annotations

from pathlib import Path

from tests.docs.session import DOCS, play


def test_local(tmp_path: Path):
    assert len(play(DOCS / "local.md", tmp_path / "project")) >= 6
