"""Runs side by side: what was different about them, and which of their figures differ by more than noise.

All are compared with the first, the baseline: `compare` gives one Comparison for each other run.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

from seatrial.findings import Verdict
from seatrial.report import document, record
from seatrial.report.between import LEAST
from seatrial.report.document import Section, Table
from seatrial.report.facts import flatten, without_run
from seatrial.report.format import UNKNOWN, loss_text, quantity, value_text
from seatrial.report.gate import Gate
from seatrial.report.measures import NO_PEERS, Judgement, Measure, Peers, measures, same_peak
from seatrial.report.summary import Summary
from seatrial.samples import MIN_SAMPLES, SIGMAS


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
    """A run beside the baseline."""

    a: str
    """The baseline."""
    b: str
    cautions: tuple[str, ...]
    """Why the figures must not be compared at face value."""
    differences: tuple[Difference, ...]
    measures: tuple[Measure, ...]
    loss: LossCurves


def compare(baseline: Summary, *others: Summary, peers: Peers = NO_PEERS) -> tuple[Comparison, ...]:
    """Each of the others with the baseline. Pure, and the same for the same input: nothing random is drawn.

    `peers` tell how far figures move from run to run.
    """
    return tuple(
        Comparison(
            a=baseline.run,
            b=other.run,
            cautions=tuple(_cautions(baseline, other)),
            differences=tuple(_differences(baseline, other)),
            measures=tuple(measures(baseline, other, peers)),
            loss=_losses(baseline, other),
        )
        for other in others
    )


def to_text(comparisons: Sequence[Comparison], gates: Sequence[Gate] = ()) -> str:
    """A comparison for a terminal: 100 columns, no colour."""
    return document.to_text(title(comparisons), sections(comparisons, gates))


def to_markdown(comparisons: Sequence[Comparison], gates: Sequence[Gate] = ()) -> str:
    """A comparison as GitHub-flavoured Markdown."""
    return document.to_markdown(title(comparisons), sections(comparisons, gates))


def to_json(comparisons: Sequence[Comparison], gates: Sequence[Gate] = ()) -> str:
    """A comparison as strict JSON; see seatrial.report.record."""
    return record.dumps(as_record(comparisons, gates))


def as_record(comparisons: Sequence[Comparison], gates: Sequence[Gate] = ()) -> dict[str, object]:
    """What a comparison's JSON holds."""
    found = [asdict(comparison) for comparison in comparisons]
    head = {"version": record.VERSION, "kind": "comparison", "baseline": comparisons[0].a}
    return head | ({"gate": [asdict(one) for one in gates]} if gates else {}) | {"comparisons": found}


def letter(index: int) -> str:
    """What a run is called beside others: A, B, ..., Z, then numbers."""
    return chr(ord("A") + index) if index < 26 else str(index + 1)


def title(comparisons: Sequence[Comparison]) -> str:
    """All runs with their letters."""
    runs = [comparisons[0].a, *(comparison.b for comparison in comparisons)]
    *first, last = [f"{run} ({letter(index)})" for index, run in enumerate(runs)]
    return f"{', '.join(first)} and {last}"


def sections(comparisons: Sequence[Comparison], gates: Sequence[Gate] = ()) -> Iterator[Section]:
    """What there is to say, with a column for each run; what was asked of them as a gate comes first."""
    if gates:
        rows = tuple((one.run, str(one.outcome), "; ".join(one.reasons)) for one in gates)
        yield Section(title=f"Against {comparisons[0].a}", tables=(Table(headers=("run", "is", "because"), rows=rows),))
    cautions = dict.fromkeys(
        caution if len(comparisons) == 1 else f"{letter(0)} and {letter(index)}: {caution}"
        for index, comparison in enumerate(comparisons, 1)
        for caution in comparison.cautions
    )
    if cautions:
        yield Section(title="Not comparable at face value", paragraphs=tuple(cautions))
    yield _difference_section(comparisons)
    rule = (
        f"Means over steady steps. Noise is {SIGMAS:.0f} standard errors of the difference, from each run's steps; "
        f"fewer than {MIN_SAMPLES} samples leave it unknown."
    )
    paragraphs = (rule, *_between_runs(comparisons))
    yield Section(title="Measures", paragraphs=paragraphs, tables=tuple(_measure_tables(comparisons)))
    yield Section(title="Training loss", tables=(_loss_table(comparisons),))


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
    for run in dict.fromkeys((a.run, b.run)):
        if Verdict.FAIL in [side.verdict for side in (a, b) if side.run == run]:
            yield f"{run} failed its checks; see its own report."


def _differences(a: Summary, b: Summary) -> Iterator[Difference]:
    for kind, left, right in (
        ("setting", flatten(a.settings), flatten(b.settings)),
        ("job", flatten(a.layout), flatten(b.layout)),
        ("version", a.versions, b.versions),
        ("variable", without_run(a.variables, a.run), without_run(b.variables, b.run)),
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


def _difference_section(comparisons: Sequence[Comparison]) -> Section:
    heading = "What is different"
    names = dict.fromkeys((d.kind, d.name) for comparison in comparisons for d in comparison.differences)
    if not names:
        return Section(title=heading, paragraphs=("Settings, layout and versions are the same.",))
    found = [{(d.kind, d.name): d for d in comparison.differences} for comparison in comparisons]
    rows = []
    for key in names:
        same = next(one[key].a for one in found if key in one)  # the baseline's: of every run that does not differ
        rows.append((*key, _side(same), *(_side(one[key].b) if key in one else _side(same) for one in found)))
    headers = ("kind", "name", *(letter(index) for index in range(len(comparisons) + 1)))
    return Section(title=heading, tables=(Table(headers=headers, rows=tuple(rows)),))


def _side(text: str | None) -> str:
    return "(absent)" if text is None else text


def _between_runs(comparisons: Sequence[Comparison]) -> Iterator[str]:
    """What the noise between runs rests on, for each run beside the baseline."""
    for index, comparison in enumerate(comparisons, 1):
        pair = "" if len(comparisons) == 1 else f"{letter(0)} and {letter(index)}: "
        told = max((measure.runs for measure in comparison.measures if measure.runs), default=None)
        if told is None:
            yield (
                f"{pair}Noise between runs is unknown and not covered: that takes {LEAST} other runs of each one's "
                "configuration in the same folder."
            )
        else:
            of = f"{told[0]}" if told[0] == told[1] else f"{told[0]} and {told[1]}"
            yield (
                f"{pair}Noise is also what moves a figure from run to run, where that is more: {of} other runs of the "
                "same configuration tell."
            )


def _measure_tables(comparisons: Sequence[Comparison]) -> Iterator[Table]:
    """One for each run beside the baseline."""
    for index, comparison in enumerate(comparisons, 1):
        other = letter(index)
        headers = ("measure", "A", other, f"{other}/A", "noise", "difference is")
        said = [f"{other}: {comparison.b}."] if len(comparisons) > 1 else []
        said += _not_compared(comparison.measures, other)
        rows = tuple(_row(m) for m in comparison.measures if m.judgement is not Judgement.MISSING)
        yield Table(headers=headers, rows=rows, numeric=frozenset((1, 2, 3, 4)), caption=" ".join(said))


def _not_compared(all_of_them: Sequence[Measure], other: str) -> Iterator[str]:
    """The measures that one of two runs does not tell, or neither."""
    missing = [measure for measure in all_of_them if measure.judgement is Judgement.MISSING]
    sides = {"A alone": (True, False), f"{other} alone": (False, True), "neither": (False, False)}
    for side, known in sides.items():
        names = [m.name for m in missing if (m.a is not None, m.b is not None) == known]
        if names:
            yield f"Known of {side}: {'; '.join(names)}."


def _row(measure: Measure) -> tuple[str, ...]:
    values = (value_text(value, measure.unit) for value in (measure.a, measure.b))
    ratio = UNKNOWN if measure.ratio is None else f"{measure.ratio:.4f}"
    return (measure.name, *values, ratio, value_text(measure.noise, measure.unit), str(measure.judgement))


def _loss_table(comparisons: Sequence[Comparison]) -> Table:
    columns = [tuple(_loss_rows(comparison.loss)) for comparison in comparisons]
    rows = tuple((name, *(column[index][1] for column in columns)) for index, (name, _) in enumerate(columns[0]))
    return Table(headers=("loss", *(f"A and {letter(index)}" for index in range(1, len(columns) + 1))), rows=rows)


def _loss_rows(loss: LossCurves) -> Iterator[tuple[str, str]]:
    yield "final, A", loss_text(loss.final_a)
    yield "final, the other", loss_text(loss.final_b)
    yield "final, the other - A", loss_text(loss.difference)
    yield "steps in common", str(loss.common_steps)
    where = f" at step {loss.largest_step}" if loss.largest_step is not None else ""
    yield "largest difference", loss_text(loss.largest) + where
    first = f", first at step {loss.first_different_step}" if loss.first_different_step is not None else ""
    yield "bit-equal at all of them", {None: UNKNOWN, True: "yes", False: "no"}[loss.bit_equal] + first
