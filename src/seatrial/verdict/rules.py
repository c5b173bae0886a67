"""What a run is judged by: the headers of its rules. Their examples are events, as events.jsonl holds them."""

from __future__ import annotations

from seatrial.findings import Rule, Severity, Verdict

EVENTS = "events.jsonl"
OURS = "Seatrial's own rule"

STATED = (Verdict.PASS, Verdict.FAIL, Verdict.UNKNOWN, Verdict.SKIP)
"""What a bound can give that is stated for a whole run: SKIP for one that was meant to be shorter."""

_START = (
    '{"type": "run_start", "attempt": 0, "start_step": 0, "steps": 2, "world_size": 2, "device": "", "backend": ""}'
)
_WITH_PEAK = _START.replace("}", ', "flops_per_token": {"full": 100.0}, "peak_flops": 1e6}')
_STEP = '{"type": "step", "step": 1, "loss": 5.0, "count": 8, "seconds": 1.0}'
_LAST = '{"type": "step", "step": 2, "loss": 2.0, "count": 8, "seconds": 1.0}'
_MEASURED = '{"type": "validation", "step": 2, "metrics": {"metric": 0.97}, "seconds": 1.0}'
_NOT_SAVED = '{"type": "finding", "check": "checkpoint.save", "verdict": "WARN", "observed": "step 2: no space"}\n'
_SAVED = '{"type": "checkpoint_saved", "step": 2, "path": "", "bytes": 1, "seconds": 1, "stall_seconds": 1}\n'
_STEADY = "".join(f'{{"type": "step", "step": {n}, "loss": 5.0, "count": 1000, "seconds": 1.0}}\n' for n in (1, 2, 3))
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
    verdicts=STATED,
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
    verdicts=STATED,
    reads=f"{EVENTS}, the recipe's expectation",
    expected="what the recipe states, or better",
    why="a validation metric is what the model is trained for",
    remedy="compare with a run that was good: seatrial compare",
    source="the recipe",
    good=GOOD.replace(_END, f"{_MEASURED}\n{_END}"),
    bad=GOOD.replace(_END, f"{_MEASURED}\n{_END}".replace("0.97", "0.57")),
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
    good=_STEADY,
    bad=_STEADY.replace("1000", "900"),
)
"""The examples are held against 1,000 a second; the first two steps are not steady."""
EXPECTED = Rule(
    id="run.expected",
    reads=f"{EVENTS}, the forecast that was made when it started",
    severity=Severity.MONITOR,
    expected="what such a job gives four times in five, or more",
    why="a run that is slower than it should be costs the difference, every hour of it",
    remedy="seatrial diagnose says what slowed it; seatrial forecast --search whether another layout is faster",
    source="seatrial forecast: a model of the step, corrected by published measurements",
    good=_STEADY,
    bad=_STEADY.replace("1000", "900"),
)
"""The examples are held against an interval that begins at 950 a second."""
MEMORY = Rule(
    id="run.expected-memory",
    verdicts=(Verdict.PASS, Verdict.FAIL, Verdict.WARN, Verdict.UNKNOWN),
    reads=f"{EVENTS}, the forecast that was made when it started",
    expected="what a rank of such a job needs at its peak, or less",
    why="what was not planned for is missing when it runs again with a longer sequence, or on smaller accelerators",
    remedy="is it the recomputation, the micro-batch and the sharding that were asked for? Where memory_bytes in "
    "events.jsonl still grows late in the run, something is kept from step to step",
    source="seatrial forecast: a closed form of a rank's memory, held against published peaks",
    good=_STEADY.replace("}", ', "memory_bytes": 1050}'),
    bad=_STEADY.replace("}", ', "memory_bytes": 1400}'),
)
"""WARN: above the interval. FAIL: further above than any published peak. The examples are held against 1,000 bytes."""
NOT_SAVED = "checkpoint.save"
"""What a rank finds about one checkpoint that it could not write; its rule is in seatrial.train.checkpoint_rules."""
CHECKPOINTS = Rule(
    id="run.checkpoints",
    verdicts=(Verdict.PASS, Verdict.FAIL),
    reads=EVENTS,
    expected="at least one of the checkpoints that were tried",
    why="a run that cannot write any loses everything when a node dies, and leaves no model behind",
    remedy="look at what the file system answered: space, quota, rights",
    source=OURS,
    good=_NOT_SAVED + _SAVED,
    bad=_NOT_SAVED,
)
POSSIBLE = Rule(
    id="run.possible",
    verdicts=(Verdict.UNKNOWN, Verdict.WARN),
    reads=f"{EVENTS}, the hardware table, the job's batch",
    expected="figures that can be: within what the hardware does, of the global batch, in the time that passed",
    why="a figure that cannot be is a fault of the measurement: the peak, the FLOPs of a token, their count or the "
    "clock is wrong, and what rests on it, too",
    remedy="compare the tokens of a step with the batch, its seconds with the times of the events, and the peak with "
    "the device's data sheet",
    source=OURS,
    good=f"{_WITH_PEAK}\n{_STEADY}",
    bad=f"{_WITH_PEAK}\n{_STEADY}".replace("1e6", "1e4"),
)
"""UNKNOWN: the throughput is rejected. WARN: only one way of counting makes it more than the peak."""
