"""Memory of a rank as a picture: a bar for each pipeline stage, by component, against what is there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from seatrial.forecast.job import Forecast
from seatrial.forecast.memory import Memory
from seatrial.report.axes import Scale, round_ticks
from seatrial.report.forecast import MEMORY, in_words, unit_of
from seatrial.report.format import bytes_
from seatrial.report.standalone import GLYPH, PAD, WIDTH, legend, legend_height, whisker
from seatrial.report.svg import label, line, rectangle

ALL = 8
"""Stages up to which each has its bar; of more the first, the one that decides, and the last have."""
_ROW, _BAR = 38, 22
_LEFT, _RIGHT = 152, WIDTH - 96
_STYLES = {
    "parameters": "p1", "gradients": "p4", "optimizer": "p5", "activations": "p3", "logits": "p2", "gathered": "p0",
    "allocator": "p6", "communication": "p7", "context": "p8",
}  # fmt: skip
"""Component -> its colour."""


def stages_shown(found: Forecast) -> list[int]:
    """Indices of the stages that have a bar."""
    count = len(found.stages)
    if count <= ALL:
        return list(range(count))
    return sorted({0, count - 1, *([found.fit.stage] if found.fit else [])})


def height(found: Forecast) -> float:
    """What `draw` takes, px."""
    return 46 + _ROW * len(stages_shown(found)) + 30 + legend_height(len(_held(found)), 3)


def draw(found: Forecast, top: float) -> Iterator[str]:
    """Heading, bars, axis, and what the parts come to where it is decided."""
    stages, fit = stages_shown(found), found.fit
    most = [float(found.stages[index].total) for index in stages]
    if fit is not None:
        most += [fit.available, fit.bytes.high]
    unit, unit_name = unit_of(max(most))
    x = Scale(0.0, max(most), _LEFT, _RIGHT)
    first, last = top + 40, top + 40 + _ROW * len(stages)
    told = f"M{in_words(fit)[1:]}" if fit else f"Memory: {found.unknown.get('memory', '')}"
    least = f"; at least, for {', '.join(fit.unknown)} are not counted" if fit and fit.unknown else ""
    yield label(PAD, top + 12, told + least, "strong")
    for tick in round_ticks(0.0, x.high / unit, count=6):
        if tick * unit <= x.high:
            yield line(x(tick * unit), first - 8, x(tick * unit), last, "axis" if tick == 0 else "grid")
            yield label(x(tick * unit), last + 15, f"{tick:g} {unit_name}", "tick", "middle")
    for place, index in enumerate(stages):
        decides = fit is not None and fit.stage == index
        yield from _bar(found.stages[index], _name(found, index), x, first + place * _ROW, decides=decides)
        if fit is not None and decides:
            yield from whisker(x(fit.bytes.low), x(fit.bytes.high), first + place * _ROW + _BAR + 7)
    if fit is not None:
        at = x(fit.available)
        yield line(at, first - 8, at, last, "limit")
        yield label(at, first - 13, f"{bytes_(fit.available)} available", "limit", _anchor(at))
    told_of = fit.stage if fit else 0
    where = f" in stage {told_of}" if len(found.stages) > 1 else ""
    entries = [
        (_STYLES[part], MEMORY[part], bytes_(float(getattr(found.stages[told_of], part))) + where)
        for part in _held(found)
    ]
    yield from legend(entries, last + 30, 3)


def describe(found: Forecast) -> str:
    """The same in words."""
    return "; ".join(
        f"{_name(found, index)}: "
        + ", ".join(f"{MEMORY[part]} {bytes_(float(getattr(found.stages[index], part)))}" for part in _held(found))
        for index in stages_shown(found)
    )


def _bar(held: Memory, name: str, x: Scale, top: float, *, decides: bool) -> Iterator[str]:
    yield label(_LEFT - 10, top + 15, name, "strong" if decides else "label", "end")
    left = 0.0
    for part, style in _STYLES.items():
        size = float(getattr(held, part))
        start, stop = x(left), x(left + size)
        left += size
        if size <= 0:
            continue
        yield rectangle(start, top, stop - start, _BAR, f"{style} cut", f"{name}, {MEMORY[part]}: {bytes_(size)}")
        if len(part) * GLYPH + 12 < stop - start:
            yield label(start + 8, top + 15, part, "on-part")
    yield label(WIDTH - PAD, top + 15, bytes_(left), "strong", "end")


def _name(found: Forecast, index: int) -> str:
    if len(found.stages) == 1:
        return "each rank"
    return f"stage {index}{', decides' if found.fit and found.fit.stage == index else ''}"


def _held(found: Forecast) -> Sequence[str]:
    """Components that there is anything of."""
    return [part for part in _STYLES if any(getattr(one, part) for one in found.stages)]


def _anchor(at: float) -> str:
    return "end" if at > WIDTH - 140 else "start" if at < 140 else "middle"
