"""Two forecasts side by side: what of the jobs is different, and what of memory and time follows from it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from seatrial.forecast.job import Forecast
from seatrial.forecast.step import COMPONENTS
from seatrial.report.document import Section, Table
from seatrial.report.forecast import MEMORY, TIME, each, unit_of
from seatrial.report.format import UNKNOWN, duration, percent, quantity

NUMBERS = frozenset({1, 2, 3})


def differences(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
    """What is not the same, by name; None where one lacks it."""
    return [(name, a.get(name), b.get(name)) for name in dict.fromkeys([*a, *b]) if a.get(name) != b.get(name)]


def sections(
    a: Forecast, b: Forecast, different: Sequence[tuple[str, Any, Any]], *, same_tokens: bool
) -> Iterator[Section]:
    """A is the first. `same_tokens`: whether a step of both has as many, so that their times can be held together."""
    told = tuple((name, _text(one), _text(other)) for name, one, other in different)
    yield Section(
        title="What is different",
        paragraphs=() if told else ("Nothing: they are the same job.",),
        tables=(Table(headers=("", "A", "B"), rows=told),) if told else (),
    )
    yield Section(title="Memory of the rank that decides", tables=(_memory(a, b),))
    if a.pace is None or b.pace is None:
        why = [f"Unknown of {name}: {one.unknown['time']}." for name, one in (("A", a), ("B", b)) if one.pace is None]
        yield Section(title="Time of a step", paragraphs=tuple(why))
        return
    yield Section(title="Time of a step", paragraphs=tuple(_rates(a, b, same_tokens)), tables=(_time(a, b),))


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _rates(a: Forecast, b: Forecast, same_tokens: bool) -> Iterator[str]:
    assert a.pace is not None and b.pace is not None
    one, other = a.pace.tokens_per_second, b.pace.tokens_per_second
    ratio = other.expected / one.expected
    more = f"{percent(abs(ratio - 1))} {'more' if ratio >= 1 else 'less'}"
    apart = (
        "" if other.low > one.high or other.high < one.low else ", which the intervals do not tell apart for certain"
    )
    of = " or ".join(dict.fromkeys((each(a.pace), each(b.pace))))
    yield (
        f"A {quantity(one.expected)}, B {quantity(other.expected)} tokens/s per {of}: {more}{apart}. In all A "
        f"{quantity(one.expected * float(a.pace.step.accelerators))}, B "
        f"{quantity(other.expected * float(b.pace.step.accelerators))} tokens/s."
    )
    if not same_tokens:
        yield "A step of one has another number of tokens than one of the other: compare rates, not seconds."


def _memory(a: Forecast, b: Forecast) -> Table:
    def held(found: Forecast) -> Any:
        return found.fit.memory if found.fit else max(found.stages, key=lambda stage: float(stage.total))

    one, other = held(a), held(b)
    unit, name = unit_of(max(float(one.total), float(other.total)))
    rows = _rows(
        {**MEMORY, "total": "total"},
        lambda part: getattr(one, part),
        lambda part: getattr(other, part),
        lambda size: f"{size / unit:.2f}",
    )
    verdicts = ("verdict", *(found.fit.verdict if found.fit else UNKNOWN for found in (a, b)), "")
    return Table(headers=(name, "A", "B", "B - A"), rows=(*rows, verdicts), numeric=NUMBERS)


def _time(a: Forecast, b: Forecast) -> Table:
    assert a.pace is not None and b.pace is not None
    steps = [(pace.step, pace.seconds.expected / float(pace.step.seconds)) for pace in (a.pace, b.pace)]

    def part(index: int) -> Callable[[str], float]:
        step, factor = steps[index]
        return lambda name: factor * float(step.seconds if name == "step" else getattr(step, name))

    names = {**{name: TIME[name] for name in COMPONENTS}, "step": "step"}
    return Table(
        headers=("part", "A", "B", "B - A"),
        rows=tuple(_rows(names, part(0), part(1), _seconds)),
        numeric=NUMBERS,
    )


def _rows(
    names: Mapping[str, str], one: Callable[[str], Any], other: Callable[[str], Any], text: Callable[[float], str]
) -> Iterator[tuple[str, ...]]:
    for name, title in names.items():
        a, b = float(one(name)), float(other(name))
        if a or b:
            sign = "+" if b >= a else "-"
            yield title, text(a), text(b), "" if text(a) == text(b) else f"{sign}{text(abs(b - a))}"


def _seconds(value: float) -> str:
    return duration(value) if value else "0"
