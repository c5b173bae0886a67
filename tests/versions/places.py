"""Where in the repository somebody chooses a version: by its looks, in what is no comment, docstring or prose."""

from __future__ import annotations

import ast
import functools
import io
import re
import tokenize
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from seatrial.versions.table import entries

ROOT = Path(__file__).parents[2]
LOOKED_THROUGH = (
    "src",
    "scripts",
    ".ci",
    "docs",
    "Makefile",
    "README.md",
    "CONTRIBUTING.md",
    ".pre-commit-config.yaml",
)
SUFFIXES = frozenset({".py", ".sh", ".md", ".toml", ".yaml", ".yml", ".json", ".j2", ".hcl", ".cfg", ".service", ""})
"""Of files that people write; ``.txt`` are locks, which scripts/lock.py makes of the tables."""

PATTERNS: Mapping[str, re.Pattern[str]] = {
    "image": re.compile(
        r"(?<![\w/@.-])(?:[a-z0-9-]+(?:\.[a-z0-9-]+)+/[\w./-]+|(?:ubuntu|debian|python|amazonlinux|nvidia/cuda))"
        r":v?\d[\w.-]*"
    ),
    "requirement": re.compile(r"(?<![\w.-])[A-Za-z][\w.-]*(?:\[[\w,-]+\])?==\d[\w.!+]*"),
    "address": re.compile(r"(?:https?|oci)://[^\s\"'<>)]*?[/_=-]v?\d+\.\d+\.\d+[^\s\"'<>)]*"),
    "assignment": re.compile(r"(?i)\b[a-z_]*version[\"']?\s*[:=]\s*[\"']?v?\d+\.\d+[\w.+-]*"),
    "digest": re.compile(r"\bsha256:[0-9a-f]{64}\b|(?<![\w:=])[0-9a-f]{64}(?!\w)|(?<![\w/])[0-9a-f]{40}(?!\w)"),
}
"""Kind -> what a chosen version looks like."""
PARTS = {
    "image": re.compile(r":v?\d"),
    "requirement": re.compile(r"==\d"),
    "address": re.compile("://"),
    "assignment": re.compile("ersion|ERSION"),
    "digest": re.compile(r"[0-9a-f]{40}"),
}
"""The same, a part of it that is found faster: most files have none."""


@dataclass(frozen=True, slots=True)
class Place:
    """A version that stands somewhere."""

    path: str
    line: int
    kind: str
    text: str


def files(root: Path = ROOT) -> Iterator[Path]:
    """Those that people write."""
    for name in LOOKED_THROUGH:
        top = root / name
        found = sorted(top.rglob("*")) if top.is_dir() else [top]
        yield from (
            path for path in found if path.is_file() and path.suffix in SUFFIXES and "__pycache__" not in path.parts
        )


def places(path: Path, root: Path = ROOT) -> Iterator[Place]:
    """What looks like a chosen version in a file, or is a version that is pinned, beside the name of what it is of."""
    text, name = path.read_text(encoding="utf-8"), str(path.relative_to(root))
    patterns = {
        kind: pattern for kind, pattern in PATTERNS.items() if PARTS[kind].search(text) and pattern.search(text)
    }
    # Prose may tell what something was tried with.
    pinned = [] if path.suffix == ".md" else [one for version, one in _pinned() if version in text]
    if not patterns and not pinned:
        return
    code = _code(text) if path.suffix == ".py" else text
    for number, line in enumerate(code.splitlines(), 1):
        for kind, pattern in patterns.items():
            yield from (Place(name, number, kind, found[0]) for found in pattern.finditer(line))
        yield from (Place(name, number, "pin", found[0]) for one in pinned for found in one.finditer(line))


@functools.cache
def _pinned() -> tuple[tuple[str, re.Pattern[str]], ...]:
    """Each pinned version, and what it looks like behind its name: ``torch 2.13.0``, ``"torch": "2.13.0"``."""
    pairs = {(one.name.rpartition("/")[2], one.pin.version.removeprefix("v")) for one in entries()}
    return tuple(
        (
            version,
            re.compile(rf"(?i)(?<![\w.-]){re.sub('[-_]', '[-_ ]?', name)}[\W_]{{1,6}}v?{re.escape(version)}(?![\w.])"),
        )
        for name, version in sorted(pairs)
        if re.search(r"\d+\.\d+\.\d+", version)
    )


def _code(text: str) -> str:
    """The lines of a Python file without its comments and docstrings."""
    lines = text.splitlines(keepends=True)
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            assert node.end_lineno is not None
            for number in range(node.lineno - 1, node.end_lineno):
                lines[number] = "\n"
    for token in tokenize.generate_tokens(io.StringIO("".join(lines)).readline):
        if token.type == tokenize.COMMENT:
            number, column = token.start
            lines[number - 1] = f"{lines[number - 1][:column]}\n"
    return "".join(lines)
