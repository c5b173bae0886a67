"""Why a run was slow: what stood in the way of its steps, each with the share of the time that it cost.

What is set up wrongly (`settings`), what ranks wait for (`waits`), who makes the others wait (`lag`), what became slow
while it went on (`trend`). A share is of the time of the steady steps; of checkpoints it is of the run's time. What one
cause explains is not counted again as a change of the step time.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace

from seatrial.attempts import Attempts
from seatrial.diagnose import clocks, compiling, expected, lag, settings, trend, waits
from seatrial.diagnose.left import Left
from seatrial.diagnose.signs import Sign
from seatrial.diagnose.steps import MIN_POINTS, share, undisturbed


def signs(left: Left) -> list[Sign]:
    """What slowed it; what cost the most comes first, before it whatever may have cost more: its share is not known."""
    found = [*_found(left)] or [*expected.signs(left)]
    by_cost = sorted(found, key=lambda one: (one[0] is not None, -(one[0] or 0.0)))
    return [replace(sign, share=cost) for cost, sign in by_cost]


def _found(left: Left) -> Iterator[tuple[float | None, Sign]]:
    points = undisturbed(left.job, Attempts(left.log.events))
    yield from settings.signs(left, points)
    if not points:
        return
    explained = defaultdict(float, compiling.costs(points))
    lagging = clocks.explain(points, [*lag.signs(left, points)])
    for costs, sign in (*waits.data(points), *waits.collecting(points), *lagging):
        yield None if costs is None else share(points, costs), sign
        for step, cost in (costs or {}).items():
            explained[step] += cost
    yield from waits.checkpoints(left)
    yield from trend.signs(points, explained)  # what is the same from the first step to the last is not seen here


def looked_at(left: Left) -> str:
    """What the figures at hand can tell of slow ranks, in words."""
    points = Attempts(left.log.events).steady_points()
    if len(points) < MIN_POINTS:
        return f"{len(points)} steady steps were logged, too few to see whether something slowed it"
    if "wait" in points[-1].event.ranks:
        return "no rank lagged, and data and checkpoints cost little"
    seen = "CPU time" if left.job.device == "cpu" and "cpu" in points[-1].event.ranks else ""
    alike = f"; of slow ranks only {seen} tells" if seen else "; nothing tells whether a rank lagged"
    return f"data and checkpoints cost little{alike}"
