"""docs/cases_of_your_own.md, as it stands."""

from __future__ import annotations

from pathlib import Path

from tests.docs.session import DOCS, play


def test_cases_of_your_own(tmp_path: Path) -> None:
    assert len(play(DOCS / "cases_of_your_own.md", tmp_path / "project")) == 10
