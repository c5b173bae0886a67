"""docs/cases.md is what the catalogue says."""

from __future__ import annotations

import os
import re

import seatrial.cases
from seatrial import catalog
from seatrial.hardware import instances
from tests.conftest import UPDATE_GOLDEN
from tests.docs.catalogue import page
from tests.docs.session import DOCS

PAGE = DOCS / "cases.md"


def test_the_page_is_up_to_date() -> None:
    text = page()
    if os.environ.get(UPDATE_GOLDEN):
        PAGE.write_text(text, encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == text, f"{PAGE} is out of date: make goldens"


def test_the_page_has_every_recipe_and_leads_to_every_case() -> None:
    text = PAGE.read_text(encoding="utf-8")
    built_in = [case for case in catalog.cases() if case.program.startswith(f"{seatrial.cases.__name__}.")]
    assert re.findall(r"(?m)^## `(.*)`$", text) == [case.name for case in built_in]
    links = [*dict.fromkeys(re.findall(r"\(([^)]*\.md)\)", text))]
    assert len(links) > len(built_in) and all((DOCS / link).is_file() for link in links)
    sections = dict(zip((case.name for case in built_in), re.split(r"(?m)^## `.*`$", text)[1:], strict=True))
    for case in built_in:
        recipes, *published = sections[case.name].split("\nPublished by ")
        assert re.findall(r"(?m)^\| `([^`]+)`", recipes) == [recipe.name for recipe in case.recipes]
        figures = [figure for recipe in case.recipes for figure in recipe.published]
        assert sum(table.count("\n| `") for table in published) == len(figures)
        assert len(published) == len({figure.source for figure in figures})


def test_the_ranks_of_a_recipe_are_the_product_of_its_degrees() -> None:
    rows = re.findall(r"(?m)^\| `.*, (\d+) ranks? \| ([^|;]+?)(?:; .*)? \|$", PAGE.read_text(encoding="utf-8"))
    assert len(rows) > 50
    for ranks, told in rows:
        world = 1
        for kind, degree in re.findall(r"(data|tensor|pipeline|context) (\d+)", told):
            world *= int(degree) if kind else 1
        assert told == "-" or world == int(ranks), told


def test_nodes_are_of_instance_types_that_exist() -> None:
    types = set(re.findall(r"\| \d+ x (\S+), \d+ rank", PAGE.read_text(encoding="utf-8")))
    assert types and types <= {instance.name for instance in instances.INSTANCES}
