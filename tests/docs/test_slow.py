"""docs/slow.md, as it stands."""

from __future__ import annotations

import re
from pathlib import Path

from seatrial.diagnose import expected, slow_rules
from tests.docs.session import DOCS, play


def test_slow(tmp_path: Path) -> None:
    assert len(play(DOCS / "slow.md", tmp_path / "project")) == 2


def test_every_rule_about_slow_runs_stands_there() -> None:
    told = re.findall(r"^\| `(diagnose\.[\w-]+)`", (DOCS / "slow.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(told) == sorted(rule.id for rule in (*slow_rules.RULES, expected.SLOWER, expected.UNTUNED))
