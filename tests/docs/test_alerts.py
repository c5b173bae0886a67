"""docs/alerts.md is what the table of rules says."""

from __future__ import annotations

import os
import re

from seatrial.observe.rules import TOPICS
from tests.conftest import UPDATE_GOLDEN
from tests.docs.alerts import alerts, page
from tests.docs.session import DOCS

PAGE = DOCS / "alerts.md"


def test_the_page_is_up_to_date() -> None:
    text = page()
    if os.environ.get(UPDATE_GOLDEN):
        PAGE.write_text(text, encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == text, f"{PAGE} is out of date: make goldens"


def test_links_of_alerts_lead_to_their_runbooks() -> None:
    names = [alert.name for topic in TOPICS for alert in alerts(topic)]
    assert re.findall(r"(?m)^### (.*)$", PAGE.read_text(encoding="utf-8")) == names
