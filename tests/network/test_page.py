"""docs/efa.md is what the tables say."""

from __future__ import annotations

import os
from pathlib import Path

from seatrial.network.conflicts import CONFLICTS
from seatrial.network.gone import GONE
from seatrial.network.lint import RULES
from seatrial.network.page import document
from seatrial.network.presets import PRESETS
from tests.conftest import UPDATE_GOLDEN

PAGE = Path(__file__).parents[2] / "docs" / "efa.md"


def test_the_page_is_up_to_date():
    if os.environ.get(UPDATE_GOLDEN):
        PAGE.write_text(document(), encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == document(), f"{PAGE} is out of date: make goldens"


def test_the_page_names_every_variable_and_every_rule():
    text = document()
    for name in (*GONE, *(p.variable for p in PRESETS), *(rule.id for rule in (*RULES, *CONFLICTS))):
        assert f"`{name}" in text
    rows = [line for line in text.splitlines() if line.startswith("|")]
    columns = {line.count("|") - line.count("&#124;") for line in rows}
    assert columns <= {3, 4, 5, 6}
