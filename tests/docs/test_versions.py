"""docs/versions.md is what the tables of versions say."""

from __future__ import annotations

import os

from seatrial.versions import STACKS
from seatrial.versions.table import entries
from tests.conftest import UPDATE_GOLDEN
from tests.docs.session import DOCS
from tests.docs.versions import page

PAGE = DOCS / "versions.md"


def test_the_page_is_up_to_date() -> None:
    text = page()
    if os.environ.get(UPDATE_GOLDEN):
        PAGE.write_text(text, encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == text, f"{PAGE} is out of date: make goldens"


def test_the_page_has_every_version() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert all(entry.name in text and entry.pin.version in text for entry in entries())
    assert all(f"`{name}`" in text for name in STACKS)
