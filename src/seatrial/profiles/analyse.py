"""A trace as figures: where the time of its steps goes.

Each moment of the window is charged to one class, the first of `CLASSES` that anything of runs in it, so that the parts
add up. What is charged to communication is therefore what no computing hides.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from seatrial.profiles import intervals
from seatrial.profiles.classes import CLASSES, COMPUTE, of_kernel, of_operator, operation
from seatrial.profiles.figures import Figures, Gaps, Kernel, Lane, Messages
from seatrial.profiles.trace import Collective, Trace

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from seatrial.profiles.intervals import Intervals

TOP = 15
"""Kernels that are named."""
MAX_CALLS = 20_000
"""Collectives by which ranks are matched; of more a file of figures would be as large as a trace."""
POINTS = 400
"""Of the memory's time line; the highest of each stretch."""
PIXELS = 300
"""Of the picture: what is closer than that is one span."""
_BACKWARD = "autograd::engine::evaluate_function"
"""Begins the name of what the backward pass calls (torch 2.13)."""
_MICRO = 1e-6


def analyse(trace: Trace) -> Figures:
    """The figures of a trace."""
    classed = _classed(trace)
    low, high = _window(trace, classed)
    parts = {name: intervals.clipped(spans, low, high) for name, spans in classed.items()}
    charged = _charged(parts, low, high)
    idle, collectives = charged["idle"], [c for c in trace.collectives if low <= c.start < high]
    return Figures(
        source=trace.path.name,
        label=trace.label,
        rank=trace.rank,
        tool=trace.tool,
        kind=trace.kind,
        steps=tuple(sorted({step.number for step in trace.steps})),
        window=(high - low) * _MICRO,
        time={name: intervals.length(charged[name]) * _MICRO for name in CLASSES},
        busy={name: intervals.length(parts[name]) * _MICRO for name in CLASSES[:-1]},
        waiting=_waiting(trace, charged["communication"], collectives),
        calls=_calls(collectives),
        gaps=_gaps(trace, idle),
        kernels=_kernels(trace, low, high),
        messages=_messages(collectives),
        memory=_memory(trace, low, high),
        lanes=_lanes(trace, parts, charged["communication"], low, high),
        events=trace.events,
        unread=trace.unread,
    )


def _classed(trace: Trace) -> dict[str, Intervals]:
    """Class -> when anything of it ran, of the device or else of the host."""
    import numpy as np

    spans = trace.device if trace.kind == "device" else trace.host
    start, end, name, lane, _ = spans.columns()
    kinds = _kinds(trace)[name.astype(np.intp)]
    if trace.kind == "device":
        return {kind: _of(start, end, kinds == number) for number, kind in enumerate(CLASSES[:-1])}
    found: dict[str, list[Intervals]] = defaultdict(list)
    order = np.argsort(lane, kind="stable")
    for mine in np.split(order, np.flatnonzero(np.diff(lane[order])) + 1):  # a thread each
        parts = {kind: _of(start[mine], end[mine], kinds[mine] == n) for n, kind in enumerate(CLASSES[:-1])}
        for kind, part in parts.items():
            # What a thread does for a collective is communication, whatever operators it is made of.
            inside = kind == "communication"
            found[kind].append(part if inside else intervals.difference(part, parts["communication"]))
    together = {kind: intervals.union(*parts) for kind, parts in found.items()}
    return _with_optimizer(trace, together)


def _with_optimizer(trace: Trace, parts: dict[str, Intervals]) -> dict[str, Intervals]:
    """Operators inside an optimizer's step are the optimizer's, but for a step that is given the loss as a closure."""
    import numpy as np

    start, end, name, *_ = trace.host.columns()
    backward = np.array([told.startswith(_BACKWARD) for told in trace.names.names()], dtype=bool)
    passes = _of(start, end, backward[name.astype(np.intp)])
    ranges = [intervals.merged([begin], [over]) for begin, over in trace.optimizer]
    own = [span for span in ranges if not len(intervals.intersection(span, passes))]
    if own:
        working = intervals.union(*(parts[kind] for kind in COMPUTE))
        mine = intervals.intersection(working, intervals.union(*own))
        parts["optimizer"] = intervals.union(parts["optimizer"], mine)
    return parts


def _kinds(trace: Trace) -> NDArray[np.int8]:
    """Number of a name -> place of its class in CLASSES; -1: it is no work."""
    import numpy as np

    of = of_kernel if trace.kind == "device" else of_operator
    kinds = [of(name) for name in trace.names.names()]
    return np.array([CLASSES.index(kind) if kind else -1 for kind in kinds], dtype=np.int8)


def _of(start: Any, end: Any, chosen: Any) -> Intervals:
    return intervals.merged(start[chosen], end[chosen])


def _window(trace: Trace, classed: dict[str, Intervals]) -> tuple[float, float]:
    """From the first step to the last, and to the end of what they began on the device; else all that was recorded."""
    everything = [spans for spans in classed.values() if len(spans)]
    low = min((spans[0, 0] for spans in everything), default=0.0)
    high = max((spans[-1, 1] for spans in everything), default=0.0)
    if trace.steps:
        low = min(step.start for step in trace.steps)
        ends = max(step.end for step in trace.steps)
        high = max(ends, high) if trace.kind == "device" else ends
    return float(low), float(high)


def _charged(parts: dict[str, Intervals], low: float, high: float) -> dict[str, Intervals]:
    """Class -> the moments that are charged to it."""
    import numpy as np

    taken: Intervals = np.empty((0, 2))
    charged = {}
    for name in CLASSES[:-1]:
        charged[name] = intervals.difference(parts[name], taken)
        taken = intervals.union(taken, parts[name])
    charged["idle"] = intervals.difference(intervals.merged([low], [high]), taken)
    return charged


def _waiting(trace: Trace, exposed: Intervals, collectives: list[Collective]) -> dict[str, float]:
    """The exposed communication by its operation; of two at once the first in the alphabet is charged."""
    spans: dict[str, list[tuple[float, float]]] = defaultdict(list)
    if trace.kind == "device":
        start, end, name, *_ = trace.device.columns()
        kinds, names = _kinds(trace), trace.names.names()
        for number in (kinds == CLASSES.index("communication")).nonzero()[0]:
            chosen = name == number
            spans[operation(names[number])] += zip(start[chosen].tolist(), end[chosen].tolist(), strict=True)
    else:
        for one in collectives:
            spans[one.operation].append((one.start, one.end))
    found = {}
    for kind in sorted(spans):
        mine = intervals.intersection(exposed, intervals.merged(*zip(*spans[kind], strict=True)))
        exposed = intervals.difference(exposed, mine)
        found[kind] = intervals.length(mine) * _MICRO
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def _calls(collectives: list[Collective]) -> tuple[tuple[str, float], ...]:
    timed = [(c.operation, (c.end - c.start) * _MICRO) for c in sorted(collectives, key=lambda c: c.start)]
    known = len(timed) <= MAX_CALLS and all(seconds > 0 for _, seconds in timed)
    return tuple(timed) if known else ()


def _gaps(trace: Trace, idle: Intervals) -> Gaps:
    seconds = (idle[:, 1] - idle[:, 0]) * _MICRO
    bound = _launch_bound(trace, idle) if trace.kind == "device" else None
    return Gaps(len(idle), float(seconds.sum()), float(seconds.max(initial=0.0)), bound)


def _launch_bound(trace: Trace, idle: Intervals) -> float | None:
    """Seconds of gaps that passed before the host launched what ended them; None where no launch was recorded."""
    import numpy as np

    start, _, _, _, correlation = trace.device.columns()
    calls = np.frombuffer(trace.launches, dtype=np.float64).reshape(-1, 2) if trace.launches else np.empty((0, 2))
    calls = calls[calls[:, 0] >= 0]
    if not (len(calls) and len(idle)):
        return 0.0 if len(calls) else None
    calls = calls[np.argsort(calls[:, 0], kind="stable")]
    order = np.argsort(start, kind="stable")
    starts, joined = start[order], correlation[order]
    following = np.searchsorted(starts, idle[:, 1])
    known = following < len(starts)  # the last gap ends with the window, not with a kernel
    gaps, following = idle[known], following[known]
    place = np.searchsorted(calls[:, 0], joined[following]).clip(max=len(calls) - 1)
    launched = np.where(calls[place, 0] == joined[following], calls[place, 1], gaps[:, 0])
    return float(np.clip(np.minimum(launched, gaps[:, 1]) - gaps[:, 0], 0.0, None).sum()) * _MICRO


def _kernels(trace: Trace, low: float, high: float) -> tuple[Kernel, ...]:
    """Those that took longest. Of a host: operators with what they call, so that they do not add up."""
    import numpy as np

    spans = trace.device if trace.kind == "device" else trace.host
    start, end, name, *_ = spans.columns()
    inside = (start >= low) & (start < high)
    number = name[inside].astype(np.intp)
    names, kinds = trace.names.names(), _kinds(trace)
    seconds = np.bincount(number, weights=(end - start)[inside], minlength=len(names)) * _MICRO
    counts = np.bincount(number, minlength=len(names))
    longest = [int(place) for place in np.argsort(-seconds, kind="stable") if counts[place] and kinds[place] >= 0]
    return tuple(
        Kernel(names[place], CLASSES[kinds[place]], int(counts[place]), float(seconds[place]))
        for place in longest[:TOP]
    )


def _messages(collectives: list[Collective]) -> tuple[Messages, ...]:
    """How many of which size, by operation, the small ones first."""
    found: dict[tuple[str, int], list[Collective]] = defaultdict(list)
    for one in collectives:
        bucket = -1 if one.bytes is None else 0 if one.bytes == 0 else 1 << (one.bytes.bit_length() - 1)
        found[one.operation, bucket].append(one)
    rows = []
    for (name, bucket), those in sorted(found.items()):
        seconds = sum(one.end - one.start for one in those) * _MICRO
        size = sum(one.bytes or 0 for one in those)
        rows.append(Messages(name, bucket if bucket >= 0 else None, len(those), size, seconds or None))
    return tuple(rows)


def _memory(trace: Trace, low: float, high: float) -> tuple[tuple[float, int], ...]:
    """The highest allocation of each stretch of the window."""
    import numpy as np

    told = trace.memory.get("device") or trace.memory.get("host")
    if not told:
        return ()
    rows = np.frombuffer(told, dtype=np.float64).reshape(-1, 2)
    rows = rows[(rows[:, 0] >= low) & (rows[:, 0] <= high)]
    rows = rows[np.argsort(rows[:, 0], kind="stable")]
    stretches = np.array_split(rows, min(POINTS, len(rows))) if len(rows) else []
    peaks = [stretch[np.argmax(stretch[:, 1])] for stretch in stretches]
    return tuple((float(moment - low) * _MICRO, int(size)) for moment, size in peaks)


def _lanes(trace: Trace, parts: dict[str, Intervals], exposed: Intervals, low: float, high: float) -> tuple[Lane, ...]:
    """The picture: what ran when."""
    shortest = (high - low) / PIXELS
    rows = {**{name: parts[name] for name in CLASSES[:-1] if len(parts[name])}, "not hidden": exposed}
    lanes = [
        Lane(name, tuple((a, b) for a, b in ((intervals.closed(spans, shortest) - low) * _MICRO).tolist()))
        for name, spans in rows.items()
        if len(spans)
    ]
    steps = tuple(
        ((s.start - low) * _MICRO, (s.end - low) * _MICRO) for s in sorted(trace.steps, key=lambda s: s.start)
    )
    return (Lane("steps", steps), *lanes) if steps else tuple(lanes)
