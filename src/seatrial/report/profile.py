"""The profiles of a run's ranks, or of anybody's: where the time goes, in tables and one picture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from seatrial.profiles import Profiles
from seatrial.profiles.classes import CLASSES
from seatrial.profiles.figures import Figures, skew
from seatrial.report import charts, document
from seatrial.report.charts import Series
from seatrial.report.document import Section, Table
from seatrial.report.format import UNKNOWN, bytes_, duration, percent, quantity
from seatrial.report.judged import findings_table
from seatrial.report.timeline import Lane, Span
from seatrial.report.timeline import timeline as draw

MAX_RANKS = 16
"""Rows of the table of ranks; the JSON has them all."""
NAMED = 10
"""Kernels in the table."""
NAME_LENGTH = 80
"""Characters of a kernel's name: templates are longer than any line."""


def sections(profiles: Profiles) -> list[Section]:
    """What is said of profiles, for text and Markdown."""
    first = profiles.ranks[0]
    parts = (
        ("What to do", findings_table(profiles.findings)),
        (f"Where the time goes, {first.label}", time_table(first)),
        ("Ranks", ranks_table(profiles.ranks)),
        (f"Communication that nothing hides, {first.label}", waiting_table(first)),
        (f"{_what(first).capitalize()} that take longest, {first.label}", kernels_table(first)),
        (f"Messages of collectives, {first.label}", messages_table(first)),
    )
    told = [Section(title="Profile", paragraphs=tuple(paragraphs(profiles)))]
    return [*told, *(Section(title=title, tables=(table,)) for title, table in parts if table.rows)]


def to_text(title: str, profiles: Profiles) -> str:
    """For a terminal."""
    return document.to_text(title, sections(profiles))


def to_markdown(title: str, profiles: Profiles) -> str:
    """As GitHub-flavoured Markdown."""
    return document.to_markdown(title, sections(profiles))


def as_record(profiles: Profiles) -> dict[str, Any]:
    """For JSON: all but the picture. Times are seconds, sizes bytes."""
    ranks = [{k: v for k, v in _record(figures).items() if k != "lanes"} for figures in profiles.ranks]
    apart = skew(profiles.ranks)
    return {
        "ranks": ranks,
        "skew": {**asdict(apart), "spread": apart.spread, "slowest": apart.slowest} if apart else None,
        "findings": [asdict(finding) for finding in profiles.findings],
        "unread": list(profiles.unread),
    }


def _record(figures: Figures) -> dict[str, Any]:
    derived = {"step_seconds": figures.step, "hidden": figures.hidden, "peak_memory": figures.peak_memory}
    rows = {name: [row._asdict() for row in getattr(figures, name)] for name in ("kernels", "messages")}
    return {**asdict(figures), **rows, "gaps": figures.gaps._asdict(), **derived}


def paragraphs(profiles: Profiles) -> Iterator[str]:
    """What was recorded, what was not, and what else opens it."""
    first, count = profiles.ranks[0], len(profiles.ranks)
    whose = first.label if count == 1 else f"{count} ranks"
    tool = {"torch": "torch.profiler", "nsys": "Nsight Systems"}[first.tool]
    if first.steps:
        steps = f"step {first.steps[0]}" if len(first.steps) == 1 else f"steps {first.steps[0]} to {first.steps[-1]}"
        yield f"{steps[0].upper()}{steps[1:]} of {whose}, recorded by {tool}: {duration(first.step)} a step."
    else:
        yield f"{duration(first.window)} of {whose}, recorded by {tool}. No step is marked: shares are of all of it."
    if first.kind == "host":
        yield "No device did anything: what is charged are the operators of the host, and idle is what is between them."
    yield from profiles.unread
    opens = "ui.perfetto.dev and chrome://tracing open" if first.tool == "torch" else "Nsight Systems opens"
    yield f"{opens} {', '.join(dict.fromkeys(f.source for f in profiles.ranks[:4]))}{' …' if count > 4 else ''}."


def time_table(figures: Figures) -> Table:
    """What each moment is charged to, and how long each class ran in all."""
    steps = max(1, len(figures.steps))
    rows = tuple(
        (
            name if name != "communication" else "communication, not hidden",
            duration(figures.time[name] / steps),
            percent(figures.share(figures.time[name])),
            duration(figures.busy[name] / steps) if name in figures.busy else "",
        )
        for name in CLASSES
        if figures.time[name] or figures.busy.get(name)
    )
    hidden = figures.hidden
    total = ("step" if figures.steps else "all", duration(figures.step), percent(1.0), "")
    caption = "" if hidden is None else f"{percent(hidden)} of the communication is hidden behind computing."
    headers = ("class", "a step" if figures.steps else "time", "share", "ran for")
    return Table(headers=headers, rows=(*rows, total), numeric=frozenset((1, 2, 3)), caption=caption)


def waiting_table(figures: Figures) -> Table:
    """What the exposed communication is."""
    steps = max(1, len(figures.steps))
    rows = tuple(
        (name, duration(seconds / steps), percent(figures.share(seconds)))
        for name, seconds in figures.waiting.items()
        if seconds
    )
    return Table(headers=("operation", "a step", "share"), rows=rows, numeric=frozenset((1, 2)))


def kernels_table(figures: Figures) -> Table:
    """What took longest."""
    rows = tuple(
        (shortened(k.name), k.kind, f"{k.calls:,}", duration(k.seconds), percent(figures.share(k.seconds)))
        for k in figures.kernels[:NAMED]
    )
    inner = "" if figures.kind == "device" else "With the operators that they call: shares do not add up."
    headers = ("name", "class", "calls", "time", "share")
    return Table(headers=headers, rows=rows, numeric=frozenset((2, 3, 4)), caption=inner)


def messages_table(figures: Figures) -> Table:
    """Sizes of what is sent."""
    rows = tuple(
        (
            m.operation,
            UNKNOWN if m.at_least is None else f"{bytes_(m.at_least)} to {bytes_(2 * m.at_least)}",
            f"{m.calls:,}",
            UNKNOWN if m.at_least is None else bytes_(m.bytes),
            UNKNOWN if m.seconds is None else duration(m.seconds / m.calls),
        )
        for m in figures.messages
    )
    headers = ("operation", "a rank puts in", "count", "together", "mean time")
    return Table(headers=headers, rows=rows, numeric=frozenset((2, 3, 4)))


def ranks_table(ranks: Sequence[Figures]) -> Table:
    """Ranks side by side; nothing of a single one."""
    apart = skew(tuple(ranks))
    if apart is None:
        return Table(headers=("rank",), rows=())
    rows = tuple(
        (
            f.label,
            duration(f.step),
            duration(f.compute / max(1, len(f.steps))),
            percent(f.share(f.time["communication"])),
            percent(f.share(f.time["idle"])),
            percent(f.share(apart.waits[f.label])) if f.label in apart.waits else UNKNOWN,
            bytes_(f.peak_memory),
        )
        for f in ranks[:MAX_RANKS]
    )
    more = f"The first {MAX_RANKS} of {len(ranks)}. " if len(ranks) > MAX_RANKS else ""
    headers = ("rank", "step", "computes", "not hidden", "idle", "waits for others", "peak memory")
    caption = f"{more}The others wait for {apart.slowest}." if apart.waits else more
    return Table(headers=headers, rows=rows, numeric=frozenset(range(1, 7)), caption=caption).filled()


def compare_tables(one: Figures, other: Figures) -> list[Table]:
    """Two profiles side by side: what a step is made of, and the kernels whose time changed most."""
    names = (f"A: {one.source}", f"B: {other.source}")
    pairs = [("step", one.step, other.step)]
    pairs += [(name, _a_step(one, one.time[name]), _a_step(other, other.time[name])) for name in CLASSES]
    rows = [(name, duration(a), duration(b), _change(a, b)) for name, a, b in pairs if a or b]
    rows += [(name, a, b, "") for name, a, b in _plain_pairs(one, other)]
    kernels = [{k.name: _a_step(f, k.seconds) for k in f.kernels} for f in (one, other)]
    both = dict.fromkeys([*kernels[0], *kernels[1]])
    changed = sorted(both, key=lambda name: -abs(kernels[1].get(name, 0.0) - kernels[0].get(name, 0.0)))[:NAMED]
    told: list[tuple[str, ...]] = [
        (
            shortened(name),
            *(duration(k[name]) if name in k else "below" for k in kernels),
            _change(*_both(name, kernels)),
        )
        for name in changed
    ]
    numeric = frozenset((1, 2, 3))
    return [
        Table(headers=("a step", *names, "B - A"), rows=tuple(rows), numeric=numeric),
        Table(headers=(f"{_what(one)}, a step", *names, "B - A"), rows=tuple(told), numeric=numeric),
    ]


def _both(name: str, kernels: list[dict[str, float]]) -> tuple[float | None, float | None]:
    return kernels[0].get(name), kernels[1].get(name)


def _plain_pairs(one: Figures, other: Figures) -> Iterator[tuple[str, str, str]]:
    yield "communication that is hidden", percent(one.hidden), percent(other.hidden)
    bound = [None if f.gaps.launch_bound is None else f.share(f.gaps.launch_bound) for f in (one, other)]
    yield "launch-bound", percent(bound[0]), percent(bound[1])
    yield "peak memory", bytes_(one.peak_memory), bytes_(other.peak_memory)


def timeline(figures: Figures) -> str:
    """The picture of what ran when."""
    steps = [f"step {number}" for number in figures.steps]
    lanes = []
    for name, spans in figures.lanes:
        names = steps if name == "steps" and len(spans) == len(steps) else [""] * len(spans)
        lanes.append(Lane(name, [Span(*span, told) for span, told in zip(spans, names, strict=True)]))
    return draw(lanes, figures.window, title=f"Time line, {figures.label}")


def memory(figures: Figures) -> str:
    """The picture of what was allocated; empty where it was not recorded."""
    if not figures.memory:
        return ""
    points = [(moment, float(size)) for moment, size in figures.memory]
    series = [Series("allocated", points)]
    return charts.line_chart(series, title="Memory", x_name="seconds", tick=bytes_, from_zero=True)


def shortened(name: str) -> str:
    """A kernel's name without the arguments of its function, which repeat its templates."""
    plain = name.removeprefix("void ")
    plain = plain[: plain.rfind("(")] if plain.endswith(")") and not plain.startswith("Mem") else plain
    return plain if len(plain) <= NAME_LENGTH else plain[: NAME_LENGTH - 1] + "…"


def _what(figures: Figures) -> str:
    return "kernels" if figures.kind == "device" else "operators"


def _a_step(figures: Figures, seconds: float) -> float:
    return seconds / max(1, len(figures.steps))


def _change(a: float | None, b: float | None) -> str:
    if a is None or b is None:
        return ""
    sign = "+" if b >= a else "-"
    return f"{sign}{duration(abs(b - a))}" + (f" ({sign}{percent(abs(b - a) / a)})" if a else "")


def title(profiles: Profiles) -> str:
    """What was looked at, in a line."""
    names = list(dict.fromkeys(figures.source for figures in profiles.ranks))
    return names[0] if len(names) == 1 else f"{quantity(float(len(names)))} profiles"
