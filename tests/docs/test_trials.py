"""docs/trials.md is made of the scenarios that tests/trials/terminal plays."""

from __future__ import annotations

import os

from tests.conftest import UPDATE_GOLDEN
from tests.docs.session import DOCS
from tests.trials.terminal.page import page
from tests.trials.terminal.scenarios import GROUPS


def test_the_page_lists_every_scenario_once() -> None:
    names = [scenario.name for scenarios in GROUPS.values() for scenario in scenarios]
    assert len(names) >= 60 and len(set(names)) == len(names)
    file, text = DOCS / "trials.md", page(GROUPS)
    if os.environ.get(UPDATE_GOLDEN):
        file.write_text(text, encoding="utf-8")
    assert file.read_text(encoding="utf-8") == text, "docs/trials.md is old: make goldens"
