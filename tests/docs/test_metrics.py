"""docs/metrics.md is what the metric catalogue says."""

from __future__ import annotations

import os
import re

from seatrial.observe.catalogue import METRICS
from tests.conftest import UPDATE_GOLDEN
from tests.docs.metrics import page
from tests.docs.session import DOCS

PAGE = DOCS / "metrics.md"


def test_the_page_is_up_to_date() -> None:
    text = page()
    if os.environ.get(UPDATE_GOLDEN):
        PAGE.write_text(text, encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == text, f"{PAGE} is out of date: make goldens"


def test_the_page_has_every_metric_once() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert sorted(re.findall(r"(?m)^\| `(\w+)` \| (?:counter|gauge|histogram|untyped) \|", text)) == sorted(METRICS)
