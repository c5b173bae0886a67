"""What a run is judged by: the headers of its rules. Their examples are events, as events.jsonl holds them."""

from __future__ import annotations

from seatrial.findings import Rule, Severity, Verdict

EVENTS = "events.jsonl"
OURS = "Seatrial's own rule"

_START = (
    '{"type": "run_start", "attempt": 0, "start_step": 0, "steps": 2, "world_size": 2, "device": "", "backend": ""}'
)
_STEP = '{"type": "step", "step": 1, "loss": 5.0, "count": 8, "seconds": 1.0}'
_LAST = '{"type": "step", "step": 2, "loss": 2.0, "count": 8, "seconds": 1.0}'
_END = '{"type": "run_end", "outcome": "completed", "step": 2, "ranks_agree": true}'
GOOD = f"{_START}\n{_STEP}\n{_LAST}\n{_END}\n"
"""A whole run: two steps, a loss that falls by 3 nats, ranks that agree."""

COMPLETED = Rule(
    id="run.completed",
    reads=EVENTS,
    expected="all steps",
    why="a loss in the middle of a run says little about its end",
    remedy="seatrial logs: what the ranks printed last",
    source=OURS,
    good=GOOD,
    bad=f'{_START}\n{_STEP}\n{{"type": "run_end", "outcome": "failed", "step": 1, "reason": "rank 1 was killed"}}\n',
)
READABLE = Rule(
    id="run.events-readable",
    verdicts=(Verdict.PASS, Verdict.UNKNOWN),
    reads=EVENTS,
    expected="0 unreadable lines",
    why="what stands in a line that cannot be read may be what fails the run",
    remedy="look at the file: was it edited, or is its file system damaged?",
    source=OURS,
    good=GOOD,
    bad=f"{_START}\n?\n{_END}\n",
)
FINITE = Rule(
    id="run.finite",
    reads=EVENTS,
    expected="finite losses and gradient norms",
    why="weights that were once updated with NaN are lost",
    remedy="lower the learning rate, lengthen the warm-up, look at the data of that step",
    source=OURS,
    good=GOOD,
    bad=GOOD.replace("2.0", '"NaN"'),
)
LOSS_FELL = Rule(
    id="run.loss-fell",
    reads=f"{EVENTS}, the recipe's expectation",
    expected="a fall of what the recipe states, or more",
    why="a run may end well and have learnt nothing: wrong data, gradients that nobody reduces, steps that are skipped",
    remedy="compare with a run that was good: seatrial compare",
    source="the recipe",
    good=GOOD,
    bad=GOOD.replace("2.0", "4.9"),
)
RANKS_AGREE = Rule(
    id="run.ranks-agree",
    reads=EVENTS,
    severity=Severity.MONITOR,
    expected="the same step, loss and weights on all ranks",
    why="ranks that drift apart train different models: a faulty device, or a collective that not all of them joined",
    remedy="run it again on other nodes: if it happens there too, look at the program, else at the nodes",
    source=OURS,
    good=GOOD,
    bad=GOOD.replace("true", "false"),
)
METRIC = Rule(
    id="run.metric",
    reads=f"{EVENTS}, the recipe's expectation",
    expected="what the recipe states, or better",
    why="a validation metric is what the model is trained for",
    remedy="compare with a run that was good: seatrial compare",
    source="the recipe",
    good='{"type": "validation", "step": 2, "metrics": {"metric": 0.97}, "seconds": 1.0}\n',
    bad='{"type": "validation", "step": 2, "metrics": {"metric": 0.57}, "seconds": 1.0}\n',
)
"""Its id ends with the name of the metric: ``run.accuracy``."""
PUBLISHED = Rule(
    id="run.published",
    reads=f"{EVENTS}, the recipe's published figures",
    severity=Severity.MONITOR,
    expected="what others measured on the same hardware with the same arguments",
    why="a cluster that is slower than others of its kind has a fault, or is set up wrong",
    remedy="look at the phases of a step, and run: seatrial network lint",
    source="the recipe",
    good="".join(f'{{"type": "step", "step": {n}, "loss": 5.0, "count": 1000, "seconds": 1.0}}\n' for n in (1, 2, 3)),
    bad="".join(f'{{"type": "step", "step": {n}, "loss": 5.0, "count": 900, "seconds": 1.0}}\n' for n in (1, 2, 3)),
)
"""The examples are held against 1,000 a second; the first two steps are not steady."""
