"""What an image has, held against what it should have: run on the machine before it becomes an image.

python3 -m seatrial.images.machines.self_test EXPECTED: a JSON object, component -> version. It exits 1 where one is
missing or another, and tells everything that it found. It needs `FILES` alone, and Python 3.10.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from seatrial.checks.software.layouts import TITLES
from seatrial.checks.software.search import Software, search

FILES = (
    "__init__.py",
    "checks/__init__.py",
    *(f"checks/software/{name}.py" for name in ("__init__", "layouts", "loader", "packages", "search", "tree")),
    "images/__init__.py",
    "images/machines/__init__.py",
    "images/machines/self_test.py",
)
"""Of the package seatrial. A test runs it with these alone."""


def wrong(software: Software, expected: Mapping[str, str]) -> Iterator[str]:
    """A line for each component that is not as it should be."""
    for component, version in expected.items():
        copy = software.first(component)
        if copy is None:
            yield f"{TITLES[component]}: {version} should be there, and was not found"
        elif not same(copy.version, version):
            yield f"{TITLES[component]}: {copy.path} is {copy.version or 'of no known version'}, not {version}"


def same(one: str, other: str) -> bool:
    """Whether two versions agree as far as both tell: a library's name says 2.5, its package 2.5.2-1."""
    first, second = (re.findall(r"\d+", text) for text in (one, other))
    shorter = min(len(first), len(second))
    return shorter >= 2 and first[:shorter] == second[:shorter]


def main() -> None:
    expected = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    software = search(Path(sys.argv[2] if len(sys.argv) > 2 else "/"))
    for component in TITLES:
        for copy in software.found[component]:
            print(f"{TITLES[component]}: {copy.version or '?'}  {copy.path}")
    problems = [*wrong(software, expected)]
    for line in problems:
        print(f"self test: {line}", file=sys.stderr)
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
