"""A job that asks for torch.compile, and gets less of it: no graph, graphs that break, functions compiled again."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from seatrial.attempts import Point
from seatrial.diagnose import slow_rules
from seatrial.diagnose.signs import Sign
from seatrial.diagnose.steps import Costs, compiled, share
from seatrial.events import RunStart, StepContent
from seatrial.findings import Rule

COMPILE_SHARE, MIN_AGAIN = 0.1, 3
"""Of the time, and logged steps past the warm-up in which something was compiled, from which on that is a cause; bounds
of ours: a second shape, or the first step of a validation, compile once."""
_GAVE_UP = re.compile(r"(?:recompile|cache.size).limit", re.IGNORECASE)
"""torch 2.13: it compiles a function 8 times, then leaves it to Python (torch._dynamo.config.recompile_limit)."""


def costs(points: Sequence[Point]) -> Costs:
    """What each step lost to the compiler: in a synchronous job all wait for whoever compiles."""
    return {p.event.step: max(compiled(p), default=0.0) for p in points}


def signs(
    start: RunStart | None, content: StepContent | None, points: Sequence[Point]
) -> Iterator[tuple[float | None, Sign]]:
    """The share of the time that each cost, None where nobody can tell, and what it is. Of the newest attempt."""
    if start is None or not start.compiled:
        return
    lost = costs(points)
    again = sum(cost > 0 for cost in lost.values())
    took = share(points, lost) if points else 0.0
    often = f"it compiled again in {again} of {len(lost)} logged steps, {took:.0%} of the time"
    if content is not None and any(_GAVE_UP.search(reason) for reason in content.eager):
        said = f"{often}; then torch.compile gave up, and Python runs what it compiled"
        yield None, _sign(slow_rules.RECOMPILED, said, "step_content.eager")  # what that costs depends on the model
    elif again >= MIN_AGAIN and took >= COMPILE_SHARE:
        yield took, _sign(slow_rules.RECOMPILED, often, "ranks.compile")
    elif content is not None and content.graphs == 0:
        said = f"the job asks for torch.compile; by step {content.step} it had made no graph"
        yield None, _sign(slow_rules.UNCOMPILED, said, "step_content.graphs")
    elif content is not None and content.eager:
        breaks = sum(content.eager.values())
        most = max(content.eager, key=lambda reason: content.eager[reason])
        said = f"graphs broke {breaks} time{'s' if breaks > 1 else ''} while {content.graphs} were made: {most}"
        yield None, _sign(slow_rules.GRAPH_BREAKS, said, "step_content.eager")


def _sign(rule: Rule, said: str, place: str) -> Sign:
    return Sign(rule=rule, said=said, evidence=f"events.jsonl, {place}")
