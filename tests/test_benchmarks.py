"""Benchmarks are run seldom: what they import of Seatrial must be there all the same."""

from __future__ import annotations

import ast
import importlib
import importlib.util
from collections.abc import Iterator
from pathlib import Path

import pytest

PROGRAMS = sorted((Path(__file__).parents[1] / "benchmarks").glob("*.py"))


def imported(program: Path) -> Iterator[tuple[str, str]]:
    """Module and name of everything that is taken from Seatrial, wherever it stands."""
    for node in ast.walk(ast.parse(program.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "seatrial":
            yield from ((str(node.module), name.name) for name in node.names)


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.stem)
def test_what_a_benchmark_imports_is_there(program: Path):
    for module, name in imported(program):
        there = hasattr(importlib.import_module(module), name) or importlib.util.find_spec(f"{module}.{name}")
        assert there, f"{program.name}: no {name} in {module}"
