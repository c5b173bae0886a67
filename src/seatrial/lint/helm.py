"""Charts of Helm: which files are theirs, and what ``helm template`` makes of them where there is a helm."""

from __future__ import annotations

import functools
import itertools
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from seatrial.lint.manifest import Map, Text, walk

TIMEOUT = 20
"""Seconds that rendering a chart may take. A large one takes about one."""
_SOURCE = re.compile(r"^# Source: [^/\n]+/(\S+)\n", re.MULTILINE)
_TAG = re.compile(r"\{\{.*?\}\}")


@dataclass(frozen=True, slots=True)
class Rendered:
    """A chart with its own values."""

    texts: dict[Path, str] = field(default_factory=dict)
    """Template -> the manifests that it came to. Those that came to nothing are missing."""
    problem: str = ""
    """Why there are none."""


def is_values(path: Path) -> bool:
    """The values of a chart stand in it, its own or those of one place."""
    return re.search(r"(?:^|[-_.])values(?:[-_.][\w.-]*)?\.ya?ml$", path.name) is not None


def chart_of(path: Path) -> Path | None:
    """The folder of the chart that a template belongs to."""
    for place, folder in itertools.pairwise(path.parents) if "templates" in path.parts else ():
        if place.name == "templates" and (folder / "Chart.yaml").is_file():
            return folder
    return None


def render(chart: Path) -> Rendered | None:
    """What a chart comes to with its own values; None if there is no helm, or no values. Nothing is fetched."""
    program = shutil.which("helm")
    if program is None or not (chart / "values.yaml").is_file():
        return None
    changed = max(file.stat().st_mtime_ns for file in chart.rglob("*") if file.is_file())
    return _render(program, chart, changed)


@functools.lru_cache(maxsize=64)
def _render(program: str, chart: Path, changed: int) -> Rendered:  # `changed`: so that another state is rendered anew
    command = [program, "template", "seatrial", str(chart)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired) as error:
        return Rendered(problem=f"helm template: {error.strerror if isinstance(error, OSError) else 'took too long'}")
    if done.returncode:
        said = done.stderr.strip().splitlines() or ["no message"]
        return Rendered(problem=f"helm template: {said[0][:120]}")
    texts: dict[Path, str] = {}
    parts = _SOURCE.split(done.stdout)
    for name, text in zip(parts[1::2], parts[2::2], strict=True):
        texts[chart / name] = texts.get(chart / name, "") + text
    return Rendered(texts)


def places(template: str, rendered: str) -> list[int]:
    """For each line of what a template came to the line of the template, from 1, that it is most likely from: one that
    reads the same but for what is filled in, or a line that is filled in as a whole, behind the line before it."""
    lines = template.split("\n")
    patterns = [*_patterns(lines)]
    found, at = [], 0
    for line in rendered.split("\n"):
        fitting = [index for index, pattern in patterns if pattern.fullmatch(line.strip())]
        inside = not fitting and at + 1 < len(lines) and re.match(r"\s*\{\{-? *(toYaml|include|tpl)\b", lines[at + 1])
        at = next((index for index in fitting if index >= at), fitting[0] if fitting else at)
        found.append(at + 2 if inside else at + 1)
    return found


def _patterns(lines: Sequence[str]) -> Iterator[tuple[int, re.Pattern[str]]]:
    for index, line in enumerate(lines):
        literal = _TAG.split(line.strip())
        if "".join(literal).strip():
            yield index, re.compile(r"\s*" + ".*".join(re.escape(part) for part in literal))


def relocate(value: Any, places: Sequence[int]) -> None:
    """Gives everything in a value the line that stands at its own in `places`."""
    found: dict[int, Map | Text] = {}
    for mapping in walk(value):
        inner = [*mapping, *mapping.values(), *(one for item in mapping.values() for one in _scalars(item))]
        found[id(mapping)] = mapping
        found |= {id(one): one for one in inner if isinstance(one, Text)}
    for one in found.values():
        one.line = places[min(one.line, len(places)) - 1]


def _scalars(value: Any) -> Iterator[Text]:
    """The scalars in a list, and in the lists in it."""
    for item in value if isinstance(value, list) else ():
        yield from [item] if isinstance(item, Text) else _scalars(item)
