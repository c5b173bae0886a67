"""docs/forecast.md, as it stands."""

from __future__ import annotations

from pathlib import Path

from tests.docs.session import DOCS, play


def test_forecast(tmp_path: Path) -> None:
    assert len(play(DOCS / "forecast.md", tmp_path / "project")) == 4
