"""What the course of a loss is judged by: the headers of its rules. Their examples are events, as in `rules`."""

from __future__ import annotations

from seatrial.findings import Rule, Severity, Verdict
from seatrial.verdict.rules import EVENTS, GOOD, OURS

CARDS = "NVIDIA-NeMo/Megatron-Bridge, examples/model_verification_cards, 2026-08: sentinel losses around a resume"


def _curve(losses: list[float], attempt: int = 0, first: int = 1) -> str:
    start = (
        f'{{"type": "run_start", "attempt": {attempt}, "start_step": {first - 1}, "steps": {len(losses)}, '
        '"world_size": 1, "device": "", "backend": ""}'
    )
    step = '{{"type": "step", "step": {}, "loss": {}, "learning_rate": 0.1, "count": 8, "seconds": 1.0}}'
    return "\n".join((start, *(step.format(first + at, loss) for at, loss in enumerate(losses)))) + "\n"


_NOISE = (0.0, 0.01, -0.02, 0.02, -0.01)
_FALLS = [5.0 - 0.05 * step + _NOISE[step % 5] for step in range(60)]
_OTHERWISE = [5.0 - 0.05 * step + _NOISE[(3 * step + 1) % 5] for step in range(60)]
"""Other batches of the same course."""

START = Rule(
    id="run.loss-start",
    verdicts=(Verdict.PASS, Verdict.FAIL, Verdict.WARN, Verdict.UNKNOWN, Verdict.SKIP),
    reads=f"{EVENTS}, the number of classes that the job's loss is a cross-entropy over",
    expected="about the logarithm of the number of classes, and half the variance of its logits at the start",
    why="weights that know nothing cannot do better than that, and do no worse unless they begin too large",
    remedy="is it the model, and the vocabulary, of the recipe? below: weights that were trained before, padding that "
    "counts, labels that the input holds; above: first weights that are too large, logits that are not normalised",
    source="half the variance of logits, hidden size x init_std^2 / 2 of a decoder: our Llama of 0.9 M to 70 B "
    "parameters starts within 0.2 nats of that",
    good=GOOD,
    bad=GOOD.replace("5.0", "2.5"),
)
"""The examples are of 100 classes: 4.6 nats."""
CONTINUES = Rule(
    id="run.loss-continues",
    verdicts=(Verdict.PASS, Verdict.FAIL, Verdict.SKIP),
    reads=EVENTS,
    severity=Severity.MONITOR,
    expected="after a resume the losses of the same steps, or else of the same course",
    why="a resume that loses weights, the optimizer's states, its schedule or its place in the data trains another "
    "model, and nothing else tells",
    remedy="compare what the checkpoint holds with what is loaded: optimizer, learning rate, step, state of the loader",
    source=CARDS,
    good=_curve(_FALLS[:40]) + _curve(_FALLS[30:], 1, 31),
    bad=_curve(_OTHERWISE[:40]) + _curve(_FALLS[30:], 1, 31),
)
SPIKES = Rule(
    id="run.loss-spikes",
    verdicts=(Verdict.FAIL, Verdict.WARN),
    reads=EVENTS,
    expected="no loss that jumps far above those before it, step after step",
    why="a spike costs the steps until the loss is back; one that does not come back costs the rest of the run",
    remedy="look at gradient norm, learning rate and data of that step; a lower learning rate or a smaller clip, or "
    "go on from the checkpoint before it and leave that data out",
    source=OURS,
    good=_curve(_FALLS),
    bad=_curve(_FALLS[:40] + [loss + 2 for loss in _FALLS[40:]]),
)
"""WARN: it came back. Nothing is said where there is none."""
PLATEAU = Rule(
    id="run.loss-plateau",
    verdicts=(Verdict.WARN,),
    reads=EVENTS,
    expected="a loss that falls while the learning rate is high",
    why="steps that teach nothing cost as much as those that do",
    remedy="if all is learnt, fewer steps do; else a learning rate that is too high or too low, or data that repeats",
    source=OURS,
    good=_curve([5.0 - 0.02 * step for step in range(120)]),
    bad=_curve([max(5.0 - 0.2 * step, 3.0) + _NOISE[step % 5] / 10 for step in range(120)]),
)
"""Nothing is said where it falls, or where the schedule is through."""
BAND = Rule(
    id="run.loss-band",
    verdicts=(Verdict.PASS, Verdict.FAIL, Verdict.UNKNOWN, Verdict.SKIP),
    reads=f"{EVENTS}, the baseline that was recorded of the same training",
    expected="the losses of runs that were good, within what seeds and batches change",
    why="a loss may fall and be wrong: other data, labels that are off, gradients that are lost, another setting",
    remedy="seatrial compare with a run of the baseline; if the change is wanted, record it: seatrial baseline record",
    source="runs of one's own: seatrial baseline record",
    good="steps 31 to 40: 2.31, the band 2.24 to 2.39",
    bad="steps 31 to 40: 2.58, the band 2.24 to 2.39",
)
