"""docs/environments.md, as it stands."""

from __future__ import annotations

from pathlib import Path

from tests.docs.session import DOCS, play


def test_environments(tmp_path: Path) -> None:
    place = {"SEATRIAL_ENVIRONMENTS": str(tmp_path / "environments")}
    assert len(play(DOCS / "environments.md", tmp_path / "project", env=place)) == 2
