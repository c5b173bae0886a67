"""docs/architectures.md and the page of each architecture: pictures of what is rendered, examples that are right."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from seatrial import architectures
from seatrial.architectures import Deployment
from seatrial.config.file import parse
from seatrial.diagram import diagram
from tests.architectures.deployments import deployment, shapes, template
from tests.docs.session import DOCS
from tests.test_config import synced, validator
from tests.test_findings import everywhere

PAGES = Path(architectures.__file__).parent


def typical(name: str) -> Deployment:
    """By its defaults, where these can be deployed; else the first of its shapes."""
    default = deployment(name)
    return deployment(name, next(iter(shapes(name).values()))) if default.problems() else default


@pytest.mark.parametrize("name", architectures.names())
def test_the_picture_is_what_is_rendered(name: str) -> None:
    synced(DOCS / "architectures" / f"{name}.svg", diagram(typical(name)) + "\n")


@pytest.mark.parametrize("name", architectures.names())
def test_every_page_shows_its_picture_and_names_its_exports(name: str) -> None:
    folder = PAGES / name.replace("-", "_")
    page = (folder / "README.md").read_text(encoding="utf-8")
    assert f"](../../../../docs/architectures/{name}.svg)" in page
    assert f"({folder.relative_to(PAGES.parents[1])}" not in page
    listed = (DOCS / "architectures.md").read_text(encoding="utf-8")
    assert f"[`{name}`](../src/seatrial/architectures/{folder.name}/README.md)" in listed
    outputs = re.findall(r"^  (\w+):\n    Description:", template(typical(name)), re.MULTILINE)
    assert [output for output in outputs if f"`{output}`" not in page] == []


def test_the_examples_of_tables_are_right() -> None:
    import tomllib

    blocks = re.findall(r"^```toml\n(.*?)^```$", (DOCS / "architectures.md").read_text(encoding="utf-8"), re.M | re.S)
    assert len(blocks) == 1
    for block in blocks:
        assert parse(block, "docs/architectures.md") == {}
        validator().validate(tomllib.loads(block))


def test_every_rule_is_listed() -> None:
    found = sorted((rule for name, rule in everywhere().items() if name.startswith("arch.")), key=lambda rule: rule.id)
    rows = [f"| `{rule.id}` | {rule.expected} | {rule.why} |" for rule in found]
    table = "\n".join(["| rule | what is right | otherwise |", "|---|---|---|", *rows])
    page = DOCS / "architectures.md"
    before, mark, rest = page.read_text(encoding="utf-8").partition("<!-- rules: made from the code -->\n")
    synced(page, f"{before}{mark}{table}\n<!-- /rules -->{rest.partition('<!-- /rules -->')[2]}")
