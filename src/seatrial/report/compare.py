"""Two runs side by side: what was different about them, and which of their figures differ by more than noise."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

from seatrial.findings import Verdict
from seatrial.report import document, record
from seatrial.report.document import Section, Table
from seatrial.report.format import UNKNOWN, bytes_, duration, number, percent, quantity
from seatrial.report.measures import SIGMAS, Measure, measures, same_peak
from seatrial.report.sections import flatten, quantity_of_loss
from seatrial.report.summary import Summary
from seatrial.samples import MIN_SAMPLES


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """A setting, a version or a part of the layout that is not the same. None: it is not there."""

    kind: str
    """``setting``, ``job``, ``version``."""
    name: str
    a: str | None
    b: str | None


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

    What is measured at every step is compared by its mean over the steady steps, throughput as seatrial.steady has it.
    The noise is 3 * sqrt(SE(a)^2 + SE(b)^2), with the standard errors of seatrial.samples; a larger difference is
    "larger than noise". Fewer than 8 samples on either side, as for all that is measured once a run, is "noise
    unknown". The noise is that *within* a run: two runs of one and the same job on other machines, or on another day,
    may differ by more. It is arithmetic only; nothing random is drawn.
    """
    return Comparison(
        a=a.run,
        b=b.run,
        cautions=tuple(_cautions(a, b)),
        differences=tuple(_differences(a, b)),
        measures=tuple(measures(a, b)),
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
    if not same_peak(a, b):
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
        f"Means over steady steps. Noise is {SIGMAS:.0f} standard errors of the difference, from each run's steps; "
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
