"""docs/checks.md is what the catalogue of rules says."""

from __future__ import annotations

import os
import re

from seatrial.checks.catalogue import all_checks, sources
from tests.conftest import UPDATE_GOLDEN
from tests.docs.checks import page
from tests.docs.session import DOCS

PAGE = DOCS / "checks.md"


def test_the_page_is_up_to_date() -> None:
    text = page()
    if os.environ.get(UPDATE_GOLDEN):
        PAGE.write_text(text, encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == text, f"{PAGE} is out of date: make goldens"


def test_the_page_has_every_rule_and_every_kind_once() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert re.findall(r"(?m)^### `(.*)`$", text) == [check.id for check in all_checks()]
    assert re.findall(r"(?m)^\| `([a-z0-9-]+)` \| .* \| (?:quick|full|deep) \|", text) == [*sources()]
    for target in re.findall(r"\]\(#([^)]*)\)", text):
        assert target in {check.id.replace(".", "") for check in all_checks()}
