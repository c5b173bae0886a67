"""Of a log of any length a bounded number of steps: where there are too many, neighbours become one.

A logged step stands for all steps since the one before it, with the means of their times and counts. So two of them can
be told as one, without a change to what throughput, time or the last loss come to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import isfinite
from typing import Any

from seatrial.events import Step

MOST = 2048
"""Events that are kept; of more, neighbouring steps become one."""
TOGETHER = 4
"""Neighbours that become one."""
ENDS = 128
"""Events at either end that stay as they are: the first and the last losses decide whether the loss fell."""


def thinned(events: Sequence[Any], before: int) -> list[Any]:
    """Fewer events; `before`: steps that were done before the first."""
    found: list[Any] = list(events[:ENDS])
    done = max((event.step for event in found if isinstance(event, Step)), default=before)
    group: list[Step] = []
    for event in events[ENDS:-ENDS]:
        if group and (len(group) == TOGETHER or not isinstance(event, Step) or event.step <= group[-1].step):
            found.append(_together(group, done))
            done, group = group[-1].step, []
        if not isinstance(event, Step):
            found.append(event)
        elif event.step > done:
            group.append(event)
        else:  # of another attempt
            found.append(event)
            done = event.step
    return [*found, *([_together(group, done)] if group else []), *events[-ENDS:]]


def _together(group: Sequence[Step], before: int) -> Step:
    last = bad = group[-1]
    start, seconds, count = before, 0.0, 0
    for step in group:
        number = step.step
        apart = number - before
        seconds += apart * step.seconds
        count += apart * step.count
        before = number
        if bad is last and not (isfinite(step.loss) and (step.grad_norm is None or isfinite(step.grad_norm))):
            bad = step
    steps = before - start
    return replace(last, loss=bad.loss, grad_norm=bad.grad_norm, seconds=seconds / steps, count=round(count / steps))
