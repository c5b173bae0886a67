"""docs/dashboards.md is what the dashboards say."""

from __future__ import annotations

import os
import re

from seatrial.observe.dashboards import DASHBOARDS
from tests.conftest import UPDATE_GOLDEN
from tests.docs.dashboards import page
from tests.docs.session import DOCS

PAGE = DOCS / "dashboards.md"


def test_the_page_is_up_to_date() -> None:
    text = page()
    if os.environ.get(UPDATE_GOLDEN):
        PAGE.write_text(text, encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == text, f"{PAGE} is out of date: make goldens"


def test_the_page_has_every_dashboard_and_every_panel_once() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert re.findall(r"(?m)^## (.*)$", text) == list(DASHBOARDS)
    assert len(re.findall(r"(?m)^\| [^|]* \| [^|]* \| `", text)) == sum(len(b.panels) for b in DASHBOARDS.values())
    assert all((DOCS / target).is_file() for target in re.findall(r"\]\(([^)#]+)\)", text))
