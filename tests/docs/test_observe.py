"""docs/observe.md, as it stands."""

from __future__ import annotations

from pathlib import Path

from tests.docs.session import DOCS, play


def test_observe(tmp_path: Path) -> None:
    assert play(DOCS / "observe.md", tmp_path / "project")
