"""Reads dcgmi diag -j, of its generations 3 and 4."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from seatrial.checks.documents import document
from seatrial.checks.observations import Lines, Unreadable

ROOTS = ("DCGM Diagnostic", "DCGM GPU Diagnostic")
"""Of generation 4, and of 3 and before."""
STATUSES = ("pass", "fail", "warn", "skip", "skipped")


@dataclass(frozen=True, slots=True)
class Result:
    """What one test said of some GPUs."""

    category: str
    test: str
    gpus: frozenset[int]
    """None of them: it speaks of the whole test."""
    status: str
    words: tuple[str, ...]
    severities: tuple[int | None, ...]
    """error_severity of each warning; None: it has none."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """All of a run."""

    results: tuple[Result, ...]
    version: str
    gpus: frozenset[int]
    """All that are spoken of."""
    problem: str = ""
    """Why there is no verdict, or not all of it."""


def parse(lines: Lines) -> Diagnosis:
    """The diagnosis, of either generation."""
    found = document(lines, "the JSON of dcgmi diag -j")
    root = next((found[name] for name in ROOTS if name in found), found if "runtime_error" in found else None)
    if not isinstance(root, dict):
        raise Unreadable(f"a root {' or '.join(map(repr, ROOTS))}", json.dumps(found))
    results: list[Result] = []
    for category in _list(root, "test_categories"):
        for test in _list(category, "tests"):
            if test is not None:  # generation 3 puts null between tests
                results += _results(_text(category, "category"), test)
    grouped = [entity for group in _list(found, "entity_groups") for entity in _entities(group)]
    gpus = frozenset(grouped).union(*(result.gpus for result in results))
    problem = next((str(part["runtime_error"]) for part in (root, found) if part.get("runtime_error")), "")
    if not results and not problem:
        raise Unreadable("tests", json.dumps(found))
    about = found.get("metadata", root)
    version = about.get("version", "unknown") if isinstance(about, dict) else "unknown"
    return Diagnosis(tuple(results), str(version), gpus, problem)


def _results(category: str, test: Any) -> list[Result]:
    name = _text(test, "name").lower().replace("_", " ").removeprefix("gpu ")
    results, summary = _list(test, "results"), test.get("test_summary")
    found = [_result(category, name, result, _gpus(result)) for result in results]
    if summary is not None:
        whole = _result(category, name, summary, frozenset())
        if whole.status not in {"pass", *(result.status for result in found)}:  # else it only repeats one of them
            found.append(whole)
    elif not results:
        raise Unreadable("results of each test", json.dumps(test))
    return found


def _result(category: str, name: str, result: Any, gpus: frozenset[int]) -> Result:
    status = _text(result, "status").lower()
    if status not in STATUSES:
        raise Unreadable(f"one of {', '.join(STATUSES)}", json.dumps(result))
    words, severities = [], []
    for warning in [result["warnings"]] if isinstance(result.get("warnings"), str) else _list(result, "warnings"):
        plain = isinstance(warning, str)  # generation 3 and before
        words.append(warning if plain else _text(warning, "warning"))
        severity = None if plain else warning.get("error_severity")
        if not isinstance(severity, int | None) or isinstance(severity, bool):
            raise Unreadable("a number as error_severity", json.dumps(warning))
        severities.append(severity)
    if status == "pass" and words:
        status = "warn"
    return Result(category.lower(), name, gpus, status, tuple(words), tuple(severities))


def _gpus(result: Any) -> frozenset[int]:
    """Generation 3 writes ``"0,1,2"`` or a number, 4 one entity, which may be a CPU."""
    if not isinstance(result, dict) or not {"gpu_ids", "gpu_id", "entity_id"} & {*result}:
        raise Unreadable("a result with gpu_ids or entity_id", json.dumps(result))
    if result.get("entity_group", "GPU") != "GPU":
        return frozenset()
    text = str(result.get("gpu_ids", result.get("gpu_id", result.get("entity_id"))))
    if not all(word.strip().isdecimal() for word in text.split(",")):
        raise Unreadable("numbers of GPUs", text)
    return frozenset(map(int, text.split(",")))


def _entities(group: Any) -> list[int]:
    if _text(group, "entity_group") != "GPU":
        return []
    found = []
    for entity in _list(group, "entities"):
        number = entity.get("entity_id") if isinstance(entity, dict) else None
        if not isinstance(number, int):
            raise Unreadable("entities with numbers", json.dumps(group))
        found.append(number)
    return found


def _list(part: Any, name: str) -> list[Any]:
    found = part.get(name) if isinstance(part, dict) else part
    if found is None and isinstance(part, dict):
        return []
    if not isinstance(part, dict) or not isinstance(found, list):
        raise Unreadable(f"an object with a list {name!r}", json.dumps(part))
    return found


def _text(part: Any, name: str) -> str:
    found = part.get(name) if isinstance(part, dict) else None
    if not isinstance(found, str) or not found:
        raise Unreadable(f"an object with a text {name!r}", json.dumps(part))
    return found
