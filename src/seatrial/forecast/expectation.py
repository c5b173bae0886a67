"""What a job will reach: the model of its step, corrected by what was measured of jobs like it, with an interval."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from seatrial.cache import PACKAGE, cached, files
from seatrial.forecast.fitted import FITTED, Fitted
from seatrial.forecast.interval import Interval
from seatrial.forecast.residual import Features, Residual, Spreads
from seatrial.forecast.step import COMPONENTS, Step, step
from seatrial.forecast.traffic import Place
from seatrial.models import Encoder
from seatrial.workload import Degrees, Workload

if TYPE_CHECKING:
    from seatrial.forecast.anchors import Anchor

SPREADS = Spreads()
QUANTILE = 1.1
"""Standard deviations on both sides that hold 80 % of what was left out of the evidence."""
_VARY = ("global_batch_size", "micro_batch_size", "sequence_length", "virtual_stages")
"""Fields of a Workload that may be arrays, beside its degrees."""
_FIXED = tuple(field.name for field in fields(Workload) if field.name not in (*_VARY, "degrees", "model", "states"))
_DEGREES = tuple(field.name for field in fields(Degrees))


@dataclass(frozen=True, kw_only=True, slots=True)
class Expectation:
    """The forecast of one job."""

    step: Step
    """By the model alone."""
    tokens_per_second: Interval
    """Of one accelerator."""
    evidence: tuple[str, ...]
    """The measurements that it rests on most, the nearest first; empty: the model alone."""

    @property
    def seconds(self) -> Interval:
        """Of a step."""
        each, rate = float(self.step.tokens) / float(self.step.accelerators), self.tokens_per_second
        return Interval(each / rate.high, each / rate.expected, each / rate.low)


def features(workload: Workload, place: Place, found: Step, *, year: float, task: str = "pretrain") -> Features:
    """What the job is grouped by. `found` is its step; of many layouts, by the first."""
    model = workload.model
    if model is None:
        raise ValueError("no architecture is known")
    recurrent = getattr(model, "recurrence", None) is not None
    if isinstance(model, Encoder):
        kind = "encoder"
    else:
        kind = "hybrid" if recurrent else "mixture" if model.num_experts else "dense"
    return Features(
        framework=workload.framework,
        year=year,
        accelerator=place.accelerator,
        generation=generation(place.accelerator),
        fabric=place.fabric,
        precision=f"{workload.compute} {workload.scaling}" if workload.compute in ("fp8", "fp4") else workload.compute,
        kind=kind,
        task="lora" if workload.frozen else task,
        model=(model.num_layers, model.hidden_size, model.intermediate_size, model.num_heads, model.vocab_size),
        shares=tuple(_shares(found)[0].tolist()),
        layout=tuple(_layouts(workload)[0].tolist()),
    )


def _shares(found: Step) -> np.ndarray[Any, Any]:
    """Parts of the step's time: a row for each layout, a column for each component."""
    parts = np.broadcast_arrays(*[np.atleast_1d(getattr(found, name) / found.seconds) for name in COMPONENTS])
    return np.stack(parts, axis=1)


def _layouts(workload: Workload) -> np.ndarray[Any, Any]:
    """Logarithms of degrees and batch: a row for each layout."""
    degrees, length = workload.degrees, workload.sequence_length
    sizes = (degrees.tensor, degrees.pipeline, degrees.context, degrees.expert, degrees.data)
    batch = (workload.micro_batch_size, 1 if length is None else length)
    return np.stack(np.broadcast_arrays(*[np.atleast_1d(np.log2(size)) for size in (*sizes, *batch)]), axis=1)


LAUNCHED: Mapping[str, float] = {
    "A100": 2020.4, "Hopper": 2022.8, "Blackwell": 2025.0, "CDNA3": 2023.9, "CDNA4": 2025.45,
}  # fmt: skip
"""Generation of accelerators -> when the first were sold, as a year: NVIDIA's and AMD's announcements of availability
(A100 May 2020, H100 October 2022, GB200 and B200 turn of 2025, MI300X December 2023, MI350 June 2025)."""


def generation(accelerator: str) -> str:
    """Accelerators with one sort of multiprocessor."""
    name = accelerator.split()[0]
    return {"H100": "Hopper", "H200": "Hopper", "B200": "Blackwell", "GB200": "Blackwell", "B300": "Blackwell",
            "GB300": "Blackwell", "MI300X": "CDNA3", "MI325X": "CDNA3", "MI350X": "CDNA4", "MI355X": "CDNA4"}.get(
        name, name)  # fmt: skip


def ripeness(job: Features, fitted: Fitted = FITTED) -> float:
    """Logarithm of the speed with the software of that time over that with software for which all is written."""
    launched = LAUNCHED.get(job.generation)
    age = np.inf if launched is None else max(job.year - launched, 0.0)
    return -fitted.early * float(np.exp(-age / fitted.ripening))


@dataclass(frozen=True, slots=True)
class Beyond:
    """What one measurement says beyond the model."""

    name: str
    """Of the measurement."""
    job: Features
    logarithm: float
    """Of measured over modelled speed, with the software of that time."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Measurements, and what they say beyond the model."""

    names: tuple[str, ...]
    residual: Residual


def evidence(measured: Sequence[Anchor], spreads: Spreads = SPREADS) -> Evidence:
    """Of those measurements, each against the model of its own step."""
    return _evidence(beyond(measured), spreads)


def _evidence(found: Sequence[Beyond], spreads: Spreads = SPREADS) -> Evidence:
    logarithms = np.array([one.logarithm for one in found])
    return Evidence(tuple(one.name for one in found), Residual([one.job for one in found], logarithms, spreads))


def beyond(measured: Sequence[Anchor]) -> list[Beyond]:
    """Each of those measurements against the model of its own step."""
    found = []
    for one, its in zip(measured, modelled(measured), strict=True):
        job = features(one.workload, one.place, its, year=one.year, task=one.task)
        ratio = float(np.log(one.tokens_per_second / its.tokens_per_second))
        found.append(Beyond(one.name, job, ratio - ripeness(job)))
    return found


def modelled(measured: Sequence[Anchor], fitted: Fitted = FITTED) -> list[Step]:
    """The step of each, by the model: one call for all that differ in numbers alone."""
    alike: dict[object, list[int]] = {}
    for index, one in enumerate(measured):
        alike.setdefault((one.place, one.architecture, *(getattr(one.workload, name) for name in _FIXED)), []).append(
            index
        )
    found: list[Step | None] = [None] * len(measured)
    for members in alike.values():
        jobs = [measured[index].workload for index in members]
        numbers = {name: np.array([getattr(job, name) for job in jobs], float) for name in _VARY}
        degrees = {name: np.array([getattr(job.degrees, name) for job in jobs], float) for name in _DEGREES}
        together = replace(jobs[0], degrees=Degrees(**degrees), **numbers)  # type: ignore[arg-type]
        steps = step(together, measured[members[0]].place, fitted).each(len(members))
        for index, one_step in zip(members, steps, strict=True):
            found[index] = one_step
    return [one for one in found if one is not None]


@functools.cache
def published() -> Evidence:
    """Of all published measurements of tuned jobs."""
    return _evidence(beyond_published())


def with_own(own: Sequence[Anchor]) -> Evidence:
    """Of the published measurements and one's own: where these are near they weigh the most."""
    return _evidence([*beyond_published(), *beyond(own)]) if own else published()


def beyond_published() -> list[Beyond]:
    """The same of all published measurements of tuned jobs.

    Kept until the package, its table or numpy changes: to model hundreds of steps takes longer than all else.
    """

    def made() -> list[dict[str, Any]]:
        from seatrial.forecast.anchors import anchors

        return [asdict(one) for one in beyond([one for one in anchors() if one.tuned])]

    key = [files(PACKAGE / "forecast" / "anchors.csv"), np.__version__]
    kept = cached("measurements", key, made)
    return [Beyond(one["name"], _features(one["job"]), one["logarithm"]) for one in kept]


def _features(kept: Mapping[str, Any]) -> Features:
    values: dict[str, Any] = {name: tuple(one) if isinstance(one, list) else one for name, one in kept.items()}
    return Features(**values)


def expect(
    workload: Workload, place: Place, *, year: float, task: str = "pretrain", known: Evidence | None = None
) -> Expectation:
    """The forecast of a tuned job. `year` is that of its framework's release, with its months as a fraction.

    ValueError, with what is not known: no architecture, no rate, no bandwidth.
    """
    found, rests = step(workload, place), known or published()
    job = features(workload, place, found, year=year, task=task)
    (mean,), (spread,) = rests.residual.expect([job])
    expected = float(found.tokens_per_second) * float(np.exp(mean + ripeness(job)))
    factor = float(np.exp(QUANTILE * spread))
    near = rests.residual.nearest(job)
    return Expectation(
        step=found,
        tokens_per_second=Interval(expected / factor, expected, expected * factor),
        evidence=tuple(rests.names[index] for index in near),
    )


def expected_seconds(
    workload: Workload, place: Place, *, year: float, task: str = "pretrain", known: Evidence | None = None
) -> np.ndarray[Any, Any]:
    """Seconds of a step as `expect` has them, without an interval, of many layouts: numbers of the workload are arrays.

    ValueError, with what is not known: no decoder, no rate, no bandwidth.
    """
    found = step(workload, place)
    shares = _shares(found)
    if not len(shares):
        return np.zeros(0)
    job = features(workload, place, found, year=year, task=task)
    mean = (known or published()).residual.mean(job, shares, _layouts(workload))
    return np.asarray(found.seconds / np.exp(mean + ripeness(job)))
