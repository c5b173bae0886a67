"""Two runs side by side: what was different about them, and which of their figures differ by more than noise."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from functools import partial

from seatrial.findings import Verdict
from seatrial.metrics import PHASES
from seatrial.report import document, record
from seatrial.report.attempts import Point
from seatrial.report.document import Section, Table
from seatrial.report.format import UNKNOWN, bytes_, duration, number, percent, quantity
from seatrial.report.samples import MIN_SAMPLES, finite, median, standard_error
from seatrial.report.sections import flatten, quantity_of_loss
from seatrial.report.summary import Summary

SIGMAS = 3.0
"""A difference counts as larger than noise beyond this many standard errors."""


class Judgement(StrEnum):
    """Whether two values differ."""

    LARGER = "larger than noise"
    WITHIN = "within noise"
    NOISE_UNKNOWN = "noise unknown"
    """Too few samples to say; never read as a difference."""
    MISSING = "unknown"
    """At least one value is unknown."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """A setting, a version or a part of the layout that is not the same. None: it is not there."""

    kind: str
    """``setting``, ``job``, ``version``."""
    name: str
    a: str | None
    b: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Measure:
    """One figure of both runs."""

    name: str
    unit: str
    a: float | None
    b: float | None
    ratio: float | None
    """b / a."""
    noise: float | None
    """Difference that chance alone explains, in the unit of the measure."""
    samples: tuple[int, int]
    judgement: Judgement


@dataclass(frozen=True, kw_only=True, slots=True)
class LossCurves:
    """The training losses of both runs at the steps that both logged."""

    common_steps: int
    final_a: float | None
    final_b: float | None
    difference: float | None
    """final_b - final_a, nats."""
    largest: float | None
    """Largest |b - a| over the common steps, nats."""
    largest_step: int | None
    first_different_step: int | None
    bit_equal: bool | None
    """Whether all common steps have the very same loss; None without common steps."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """Two runs side by side."""

    a: str
    b: str
    cautions: tuple[str, ...]
    """Why the figures must not be compared at face value."""
    differences: tuple[Difference, ...]
    measures: tuple[Measure, ...]
    loss: LossCurves


def compare(a: Summary, b: Summary) -> Comparison:
    """Compare run b with run a.

    A measure that is taken at every step is compared by its median over the steady steps. Its noise is

        3 * sqrt(SE(a)^2 + SE(b)^2),   SE = 1.2533 * 1.4826 * MAD / sqrt(n * (1 - r) / (1 + r))

    with MAD the median absolute deviation and r the lag-1 autocorrelation of the steps (seatrial.report.samples). A
    larger difference of medians is "larger than noise". Fewer than 8 samples on either side, as for all that is
    measured once a run, is "noise unknown". The noise is that *within* a run: two runs of one and the same job on other
    machines, or on another day, may differ by more. It is arithmetic only; nothing random is drawn.
    """
    return Comparison(
        a=a.run,
        b=b.run,
        cautions=tuple(_cautions(a, b)),
        differences=tuple(_differences(a, b)),
        measures=tuple(_measures(a, b)),
        loss=_losses(a, b),
    )


def to_text(comparison: Comparison) -> str:
    """A comparison for a terminal: 100 columns, no colour."""
    return document.to_text(_title(comparison), _sections(comparison))


def to_markdown(comparison: Comparison) -> str:
    """A comparison as GitHub-flavoured Markdown."""
    return document.to_markdown(_title(comparison), _sections(comparison))


def to_json(comparison: Comparison) -> str:
    """A comparison as strict JSON; see seatrial.report.record."""
    return record.dumps({"version": record.VERSION, "kind": "comparison", **asdict(comparison)})


def _cautions(a: Summary, b: Summary) -> Iterator[str]:
    for name, left, right in (
        ("case", a.case, b.case),
        ("recipe", a.recipe, b.recipe),
        ("unit of throughput", a.unit, b.unit),
        ("number of ranks", a.world_size, b.world_size),
        ("kind of device", a.layout["device"], b.layout["device"]),
        ("device", a.device or UNKNOWN, b.device or UNKNOWN),
        ("fidelity", a.fidelity, b.fidelity),
    ):
        if left != right:
            yield f"Not the same {name}: {left} and {right}."
    if not _same_peak(a, b):
        peaks = " and ".join(quantity(run.peak_flops, "FLOP/s") for run in (a, b))
        yield f"The peaks that MFU is a share of differ: {peaks}. Compare throughput instead."
    for name, run in (("A", a), ("B", b)):
        if run.verdict is Verdict.FAIL:
            yield f"{name} failed its checks; see its own report."


def _differences(a: Summary, b: Summary) -> Iterator[Difference]:
    for kind, left, right in (
        ("setting", flatten(a.settings), flatten(b.settings)),
        ("job", flatten(a.layout), flatten(b.layout)),
        ("version", a.versions, b.versions),
    ):
        for name in sorted(left.keys() | right.keys()):
            if left.get(name) != right.get(name):
                yield Difference(kind=kind, name=name, a=left.get(name), b=right.get(name))


def _measures(a: Summary, b: Summary) -> Iterator[Measure]:
    def over_steps(name: str, unit: str, value: Callable[[Point], float | None]) -> Measure:
        return _measure(name, unit, [value(point) for point in a.steady], [value(point) for point in b.steady])

    yield over_steps("throughput", f"{a.unit}/s" if a.unit == b.unit else "per second", lambda p: p.throughput)
    yield over_steps("step time", "s", lambda p: p.event.seconds)
    for name in a.flop_formulas:
        if name in a.mfu or name in b.mfu:
            if _same_peak(a, b):
                yield over_steps(f"MFU {name}", "fraction", partial(_mfu, name))
            else:  # the steps' spread says nothing about the peaks'
                yield _measure(f"MFU {name}", "fraction", [a.mfu.get(name)], [b.mfu.get(name)])
    yield over_steps("data wait, slowest rank", "s", _longest_wait)
    # Most steps spend nothing on checkpoints, so the median of that phase says nothing; the stall below does.
    for name in (phase for phase in PHASES if phase != "checkpoint"):
        if name in a.phases or name in b.phases:
            yield over_steps(f"{name}, rank 0", "s", partial(_phase, name))
    yield _measure("stall per checkpoint", "s", *([t.event.stall_seconds for t in run.saved] for run in (a, b)))
    yield _measure("peak memory, rank 0", "B", [a.peak_memory], [b.peak_memory])
    last = [run.validations[-1].event.metrics if run.validations else {} for run in (a, b)]
    for name in last[0] | last[1]:
        yield _measure(f"validation {name}, last", "", [last[0].get(name)], [last[1].get(name)])


def _same_peak(a: Summary, b: Summary) -> bool:
    """Whether MFU has the same denominator in both: a measured peak moves with the load of the machine."""
    return a.peak_flops is None or b.peak_flops is None or math.isclose(a.peak_flops, b.peak_flops, rel_tol=0.01)


def _mfu(convention: str, point: Point) -> float | None:
    return (point.mfu or {}).get(convention)


def _phase(name: str, point: Point) -> float | None:
    return point.event.phases.get(name, 0.0) if point.event.phases else None


def _longest_wait(point: Point) -> float | None:
    return max(finite(point.event.ranks.get("data_wait", ())), default=None)


def _measure(name: str, unit: str, a: Sequence[float | None], b: Sequence[float | None]) -> Measure:
    left, right = finite(a), finite(b)
    x, y = median(left), median(right)
    errors = standard_error(left), standard_error(right)
    noise = SIGMAS * math.hypot(errors[0], errors[1]) if errors[0] is not None and errors[1] is not None else None
    if x is None or y is None:
        judgement = Judgement.MISSING
    elif noise is None:
        judgement = Judgement.NOISE_UNKNOWN
    else:
        judgement = Judgement.LARGER if abs(y - x) > noise else Judgement.WITHIN
    return Measure(
        name=name,
        unit=unit,
        a=x,
        b=y,
        ratio=y / x if x and y is not None else None,
        noise=noise,
        samples=(len(left), len(right)),
        judgement=judgement,
    )


def _losses(a: Summary, b: Summary) -> LossCurves:
    left = {point.event.step: point.event.loss for point in a.series}
    right = {point.event.step: point.event.loss for point in b.series}
    common = sorted(left.keys() & right.keys())
    apart = {step: abs(right[step] - left[step]) for step in common}
    apart = {step: value for step, value in apart.items() if not math.isnan(value)}
    largest = max(apart, key=lambda step: apart[step], default=None)
    # The text of a float is its shortest exact form, so it tells all values apart and takes NaN for equal to NaN.
    different = next((step for step in common if repr(left[step]) != repr(right[step])), None)
    return LossCurves(
        common_steps=len(common),
        final_a=a.final_loss,
        final_b=b.final_loss,
        difference=None if a.final_loss is None or b.final_loss is None else b.final_loss - a.final_loss,
        largest=apart[largest] if largest is not None else None,
        largest_step=largest,
        first_different_step=different,
        bit_equal=different is None if common else None,
    )


def _title(comparison: Comparison) -> str:
    return f"{comparison.a} (A) and {comparison.b} (B)"


def _sections(comparison: Comparison) -> Iterator[Section]:
    if comparison.cautions:
        yield Section(title="Not comparable at face value", paragraphs=comparison.cautions)
    yield _difference_section(comparison.differences)
    headers = ("measure", "A", "B", "B/A", "noise", "difference is")
    rows = tuple(_row(measure) for measure in comparison.measures)
    rule = (
        f"Medians over steady steps. Noise is {SIGMAS:.0f} standard errors of the difference, from each run's steps; "
        f"fewer than {MIN_SAMPLES} samples leave it unknown. It does not cover what changes from run to run."
    )
    yield Section(
        title="Measures",
        paragraphs=(rule,),
        tables=(Table(headers=headers, rows=rows, numeric=frozenset((1, 2, 3, 4))),),
    )
    yield Section(
        title="Training loss", tables=(Table(headers=("loss", "value"), rows=tuple(_loss_rows(comparison.loss))),)
    )


def _difference_section(differences: Sequence[Difference]) -> Section:
    title = "What is different"
    if not differences:
        return Section(title=title, paragraphs=("Settings, layout and versions are the same.",))
    rows = tuple((d.kind, d.name, _side(d.a), _side(d.b)) for d in differences)
    return Section(title=title, tables=(Table(headers=("kind", "name", "A", "B"), rows=rows),))


def _side(text: str | None) -> str:
    return "(absent)" if text is None else text


def _row(measure: Measure) -> tuple[str, ...]:
    values = (_value(value, measure.unit) for value in (measure.a, measure.b))
    ratio = UNKNOWN if measure.ratio is None else f"{measure.ratio:.4f}"
    return (measure.name, *values, ratio, _value(measure.noise, measure.unit), str(measure.judgement))


def _value(value: float | None, unit: str) -> str:
    if unit in ("s", "B", "fraction"):
        return {"s": duration, "B": bytes_, "fraction": percent}[unit](value)
    return quantity(value, unit) if unit else number(value)


def _loss_rows(loss: LossCurves) -> Iterator[tuple[str, str]]:
    yield "final, A", quantity_of_loss(loss.final_a)
    yield "final, B", quantity_of_loss(loss.final_b)
    yield "final, B - A", quantity_of_loss(loss.difference)
    yield "steps in common", str(loss.common_steps)
    where = f" at step {loss.largest_step}" if loss.largest_step is not None else ""
    yield "largest |B - A|", quantity_of_loss(loss.largest) + where
    first = f", first at step {loss.first_different_step}" if loss.first_different_step is not None else ""
    yield "bit-equal at all of them", {None: UNKNOWN, True: "yes", False: "no"}[loss.bit_equal] + first
