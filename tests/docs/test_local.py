"""docs/local.md, as it stands."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.session import DOCS, play


@pytest.mark.torch
@pytest.mark.slow
def test_local(tmp_path: Path):
    assert len(play(DOCS / "local.md", tmp_path / "project")) >= 6
