"""docs/track.md, as it stands."""

from __future__ import annotations

from pathlib import Path

from tests.docs.session import DOCS, play


def test_track(tmp_path: Path, no_trackers: None):
    assert play(DOCS / "track.md", tmp_path / "project")
