"""GPUs that held their clocks down: why a rank lags, or why all ranks are slow."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from seatrial.attempts import Point
from seatrial.diagnose import slow_rules
from seatrial.diagnose.collectives import ranks_text
from seatrial.diagnose.signs import Sign
from seatrial.diagnose.steps import MIN_POINTS, Costs, whole

OFTEN = 0.6
"""Of the logged steps at whose end clocks were held down, at least, to be a cause: as a straggler has to lag."""


def explain(points: Sequence[Point], lagging: Sequence[tuple[Costs, Sign]]) -> Iterator[tuple[Costs | None, Sign]]:
    """The signs of `lagging`, those of ranks with such clocks by that name; where nobody can lag behind others, since
    most have such clocks or ranks' work is not told, these ranks by themselves."""
    held = _held(points)
    for costs, sign in lagging:
        if sign.rule is slow_rules.STRAGGLER and held and set(sign.ranks) <= held:
            yield costs, replace(sign, rule=slow_rules.THROTTLED, said=f"{sign.said}; clocks were held down")
        else:
            yield costs, sign
    told = any(whole(p, "busy", "wait", "data_wait") for p in points)
    if held and (not told or 2 * len(held) > len(points[-1].event.ranks["throttled"])):
        said = f"{ranks_text(sorted(held))} held clocks down in {OFTEN:.0%} of the logged steps or more"
        yield (
            None,
            Sign(
                rule=slow_rules.THROTTLED,
                said=said,
                ranks=tuple(sorted(held)),
                evidence="events.jsonl, ranks.throttled",
            ),
        )


def _held(points: Sequence[Point]) -> set[int]:
    rows = [p.event.ranks["throttled"] for p in points if whole(p, "throttled")]
    if len(rows) < MIN_POINTS:
        return set()
    size = len(rows[-1])
    often = OFTEN * len(rows)
    return {rank for rank in range(size) if sum(len(row) == size and row[rank] > 0 for row in rows) >= often}
