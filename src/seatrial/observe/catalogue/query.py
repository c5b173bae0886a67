"""What a PromQL expression names, and whether anybody emits it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from seatrial.errors import Problem
from seatrial.extras import needed
from seatrial.observe.catalogue.metric import Metric

Recorded = Mapping[str, frozenset[str] | None]
"""Name of a recording rule -> its labels; None: not known."""

Labels = frozenset[str] | None
"""Labels that a vector may have; None: not known, so that nothing is said about them."""

# Grafana puts a duration, or a number of seconds, in the place of these before Prometheus sees the query.
_SECONDS = re.compile(r"\$\{?__\w+_m?s\b\}?")
_DURATION = re.compile(r"\$\{?__\w+\}?")


def problems_of(
    promql: str, series: Mapping[str, Metric], recorded: Recorded, where: str, absent: Callable[[str], Problem]
) -> list[Problem]:
    """See `catalogue.check_query`. `absent` makes the problem of a metric that is not there."""
    try:
        expression = parse(promql)
    except ValueError as error:
        return [
            Problem(f"is no PromQL: {error}: {promql}", where, "https://prometheus.io/docs/prometheus/latest/querying")
        ]
    reading = _Reading(series, recorded, where, absent)
    reading.labels(expression)
    return list(dict.fromkeys(reading.problems))


def labels_of(promql: str, series: Mapping[str, Metric], recorded: Recorded) -> Labels:
    """See `catalogue.labels`."""
    return _Reading(series, recorded, "", lambda name: Problem(name)).labels(parse(promql))


def parse(promql: str) -> Any:
    """The expression as promql_parser has it. Raises ValueError for what is none."""
    with needed("promql_parser", "reading PromQL"):
        import promql_parser
    return promql_parser.parse(_DURATION.sub("5m", _SECONDS.sub("300", promql)))


@dataclass(slots=True)
class _Reading:
    """One pass over an expression: the labels of every part, and what is wrong on the way."""

    series: Mapping[str, Metric]
    recorded: Recorded
    where: str
    absent: Callable[[str], Problem]
    problems: list[Problem] = field(default_factory=list)

    def labels(self, part: Any) -> Labels:
        """Labels of a part of the expression, by the name of its type."""
        read = getattr(self, f"_{type(part).__name__}", None)
        return read(part) if read else frozenset()  # a number, a string

    def _MatrixSelector(self, part: Any) -> Labels:
        return self.labels(part.vector_selector)

    def _ParenExpr(self, part: Any) -> Labels:
        return self.labels(part.expr)

    _UnaryExpr = _SubqueryExpr = _ParenExpr

    def _VectorSelector(self, part: Any) -> Labels:
        matchers = [*part.matchers.matchers, *(m for some in part.matchers.or_matchers for m in some)]
        known: Labels = frozenset()
        for name in self._names(part.name, matchers):
            more = self._of_name(name)
            known = None if known is None or more is None else known | more
        self._used({m.name for m in matchers} - {"__name__"}, known, part.name or "the selector")
        return known

    def _names(self, name: str | None, matchers: list[Any]) -> Iterator[str]:
        """Names that a selector asks for; those of a pattern are the ones that it finds."""
        if name:
            yield name
        for matcher in matchers:
            if matcher.name != "__name__":
                continue
            if str(matcher.op) == "MatchOp.Equal":
                yield matcher.value
            elif str(matcher.op) == "MatchOp.Re":
                found = [n for n in (*self.series, *self.recorded) if re.fullmatch(matcher.value, n)]
                yield from found or [matcher.value]

    def _of_name(self, name: str) -> Labels:
        if name in self.recorded:
            return self.recorded[name]
        if name in self.series:
            return self.series[name].all_labels(name)
        self.problems.append(self.absent(name))
        return None

    def _AggregateExpr(self, part: Any) -> Labels:
        inner = self.labels(part.expr)
        modifier = part.modifier
        named = frozenset(modifier.labels) if modifier else frozenset()
        self._used(named, inner, part.op)
        by = modifier is None or str(modifier.type) == "AggModifierType.By"
        if str(part.op) in ("topk", "bottomk", "limitk", "limit_ratio"):
            return inner
        kept = named if by else None if inner is None else inner - named
        if str(part.op) == "count_values" and kept is not None:
            return kept | {part.param.val}
        return kept

    def _Call(self, part: Any) -> Labels:
        known: Labels = frozenset()
        for arg in part.args:
            more = self.labels(arg)
            known = None if known is None or more is None else known | more
        if known is None:
            return None
        name, words = part.func.name, [arg.val for arg in part.args if type(arg).__name__ == "StringLiteral"]
        if name == "label_replace":
            self._used({words[2]}, known, name)
            return known | {words[0]}
        if name == "label_join":
            self._used(words[2:], known, name)
            return known | {words[0]}
        if name in ("absent", "absent_over_time"):
            return None  # what its matchers say
        return known - {"le"} if name == "histogram_quantile" else known

    def _BinaryExpr(self, part: Any) -> Labels:
        left, right = self.labels(part.lhs), self.labels(part.rhs)
        scalar = [_is_scalar(side) for side in (part.lhs, part.rhs)]
        if any(scalar):
            return right if scalar[0] else left
        modifier = part.modifier
        matching = modifier.matching if modifier else None
        if matching is not None:
            for side in (left, right):
                self._used(matching.labels, side, "the vector matching")
        if str(part.op) == "or":
            return None if left is None or right is None else left | right
        if str(part.op) in ("and", "unless"):
            return left
        return self._matched(left, right, modifier)

    def _matched(self, left: Labels, right: Labels, modifier: Any) -> Labels:
        """Labels of what arithmetic and comparisons make of two vectors, as Prometheus' resultMetric says it."""
        card, matching = (str(modifier.card), modifier.matching) if modifier else ("", None)
        many, one = (right, left) if card.endswith("OneToMany") else (left, right)
        if card.endswith(("ManyToOne", "OneToMany")):
            added = frozenset(modifier.group_labels or ())
            self._used(added, one, "the side that group_left or group_right takes labels from")
            return None if many is None else many | added
        if matching is None:
            return left
        if str(matching.type).endswith("Include"):
            return frozenset(matching.labels)
        return None if left is None else left - frozenset(matching.labels)

    def _used(self, names: Any, known: Labels, what: str) -> None:
        if known is None:
            return
        for name in sorted(set(names) - known):
            remedy = f"its labels are: {', '.join(sorted(known))}" if known else "it has no labels"
            self.problems.append(Problem(f"{what} has no label {name!r}", self.where, remedy))


def _is_scalar(part: Any) -> bool:
    kind = type(part).__name__
    if kind in ("ParenExpr", "UnaryExpr"):
        return _is_scalar(part.expr)
    return kind == "NumberLiteral" or (kind == "Call" and part.func.name in ("scalar", "time", "pi"))
