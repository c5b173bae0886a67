"""docs/clusters.md, as it stands."""

from __future__ import annotations

from pathlib import Path

from tests.docs.session import DOCS, play


def test_clusters(tmp_path: Path):
    assert play(DOCS / "clusters.md", tmp_path / "project")
