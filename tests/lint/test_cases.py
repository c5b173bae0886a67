"""Small files with one fault each, or none that should be told: tests/lint/cases, a file or a folder for each.

What is right stands in their first lines: ``# expect: FAIL slurm.rank-on-head 12`` is found on that line; ``# expect:
nothing`` says that nothing else is found than what is expected, ``# expect: nothing of slurm.*`` that nothing of such
rules is. A line ``# instance: p5.48xlarge`` is what --instance says.
"""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from seatrial.findings import Finding
from seatrial.hardware.instances import instance
from seatrial.lint.judge import lint

FOLDER = Path(__file__).with_name("cases")
CASES = sorted(path.name for path in FOLDER.iterdir())


def files(case: str) -> list[Path]:
    path = FOLDER / case
    return sorted(one for one in path.rglob("*") if one.is_file()) if path.is_dir() else [path]


def said(case: str, word: str) -> list[tuple[Path, str]]:
    """What the lines ``# WORD: ...`` say, with the file that each stands in."""
    found = [(path, re.findall(rf"(?m)^# {word}: (.+)$", path.read_text(encoding="utf-8"))) for path in files(case)]
    return [(path, text) for path, texts in found for text in texts]


@pytest.mark.parametrize("case", CASES)
def test_what_is_found_is_what_is_right(case: str) -> None:
    expected = said(case, "expect")
    nodes = [instance(name) for _, name in said(case, "instance")]
    found = list(lint([FOLDER / case], instance=nodes[0] if nodes else None).findings)
    assert expected, "it says nothing of what is right"
    for path, text in expected:
        nothing = re.fullmatch(r"nothing(?: of (\S+))?", text)
        if nothing is None:
            verdict, check, line = text.split()
            hits = [one for one in found if (one.check, one.scope["line"]) == (check, int(line)) and _in(one, path)]
            assert [one.verdict for one in hits] == [verdict], f"{text}: {shown(found)}"
        elif nothing[1]:
            assert not [one for one in found if fnmatchcase(one.check, nothing[1])], shown(found)
        else:
            named = [other.split()[1:3] for _, other in expected if not other.startswith("nothing")]
            assert [one for one in found if [one.check, str(one.scope["line"])] not in named] == [], shown(found)


def _in(finding: Finding, path: Path) -> bool:
    return Path(finding.scope["path"]) == path


def shown(found: list[Finding]) -> str:
    return "\n".join(
        f"{one.scope['path']}:{one.scope['line']} {one.verdict} {one.check} {one.observed}" for one in found
    )
