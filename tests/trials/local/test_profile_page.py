"""docs/profile.md, as it stands: a run is profiled, and what it recorded is shown."""

from __future__ import annotations

from pathlib import Path

from tests.docs.session import DOCS, play


def test_profile(tmp_path: Path):
    assert len(play(DOCS / "profile.md", tmp_path / "project")) >= 5
    assert (tmp_path / "project" / "profile.html").read_text(encoding="utf-8").startswith("<!doctype html>")
