"""docs/images.md says what the definitions say."""

from __future__ import annotations

import os

from seatrial import catalog
from seatrial.images.containers import FURTHER
from seatrial.images.machines.definitions import MACHINES
from tests.conftest import UPDATE_GOLDEN
from tests.docs.images import containers, page
from tests.docs.session import DOCS

PAGE = DOCS / "images.md"


def test_the_page_is_up_to_date() -> None:
    text = page()
    if os.environ.get(UPDATE_GOLDEN):
        PAGE.write_text(text, encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == text, f"{PAGE} is out of date: make goldens"


def test_every_case_and_every_machine_has_its_line() -> None:
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    names = [*(f"[`{case.name}`](" for case in catalog.cases()), *(f"`{name}` |" for name in MACHINES)]
    assert [name for name in names if sum(line.startswith(f"| {name}") for line in lines) != 1] == []
    assert {one.name for one in containers()} == {case.name for case in catalog.cases()} | FURTHER.keys()
