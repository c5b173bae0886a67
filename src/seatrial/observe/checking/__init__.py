"""Whether a dashboard or a file of rules can give data: each of its queries against the catalogue of metrics."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from seatrial.errors import Problem
from seatrial.observe import catalogue
from seatrial.observe.catalogue.query import Recorded
from seatrial.observe.checking import dashboard, rules
from seatrial.observe.checking.found import Found

_REMEDY = "give the JSON of a dashboard in its classic model, a Prometheus rule file, or a PrometheusRule"


@dataclass(frozen=True, slots=True)
class Checked:
    """What was looked at, and what is wrong with it."""

    queries: int
    problems: tuple[Problem, ...]


def check(texts: Mapping[str, str], recorded: Recorded | None = None) -> Checked:
    """`texts`: name -> text of a dashboard or of a file of rules. What one of them records, all others may use.

    `recorded`: names of further recording rules -> their labels, None where those are not known.
    """
    problems: list[Problem] = []
    found: list[Found] = []
    for name, text in texts.items():
        try:
            found += _found(name, _read(name, text))
        except ValueError as error:
            problems.append(Problem(str(error), name, _REMEDY))
    judged = judge(found, recorded)
    return Checked(judged.queries, (*problems, *judged.problems))


def judge(queries: Iterable[Found], recorded: Recorded | None = None) -> Checked:
    """The same of queries. What one of them records, all others may use."""
    found = list(queries)
    known = _recorded(found, recorded or {})
    problems = (problem for one in found for problem in _problems(one, known))
    return Checked(len(found), tuple(dict.fromkeys(problems)))


def _read(name: str, text: str) -> Any:
    """The value that a file holds. Raises ValueError."""
    import yaml

    try:
        return json.loads(text) if name.endswith(".json") else yaml.safe_load(text)
    except (ValueError, yaml.YAMLError) as error:
        raise ValueError(f"cannot be read: {' '.join(str(error).split())}") from error
    except RecursionError:
        raise ValueError("cannot be read: it is nested too deeply") from None


def _found(name: str, value: Any) -> list[Found]:
    """The queries of a file. Raises ValueError if it is of neither kind."""
    for kind in (rules, dashboard):
        if (queries := kind.queries(name, value)) is not None:
            return list(queries)
    raise ValueError("is neither a dashboard nor a file of rules")


def _recorded(found: Iterable[Found], further: Recorded) -> Recorded:
    """Names that rules record -> their labels, None where those are not known: of what is recorded only later, too."""
    records = [one for one in found if one.record]
    known: dict[str, frozenset[str] | None] = {**further, **{one.record: None for one in records}}
    seen: set[str] = set()
    for one in records:
        labels = _labels(one, known)
        before = known[one.record] if one.record in seen else frozenset[str]()  # from old names, for example
        known[one.record] = None if labels is None or before is None else before | labels | one.labels
        seen.add(one.record)
    return known


def _problems(one: Found, recorded: Recorded) -> Iterable[Problem]:
    problems = catalogue.check_query(one.promql, recorded, one.where)
    yield from problems
    labels = None if problems else _labels(one, recorded)
    if labels is None:
        return
    for name in sorted(one.named - labels - one.labels):
        told = f"its labels are: {', '.join(sorted(labels))}" if labels else "it has no labels"
        yield Problem(f"{one.naming} names a label {name!r}, which the result has not: {one.promql}", one.where, told)


def _labels(one: Found, recorded: Recorded) -> frozenset[str] | None:
    try:
        return catalogue.labels(one.promql, recorded)
    except ValueError:
        return None  # check_query says so
