"""What measurements say beyond the model of a step: by how much jobs that are alike were faster or slower than it.

The logarithm of measured over modelled speed is a Gaussian process: a sum of effects that jobs of one group share, each
of an unknown size with a known spread (a random-effects model; Rasmussen and Williams, "Gaussian Processes for Machine
Learning", chapter 2). Where evidence is near, it decides; where there is none, the model does, and the spread says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Features:
    """What jobs are grouped by."""

    framework: str
    year: float
    accelerator: str
    generation: str
    fabric: str
    precision: str
    kind: str
    """dense, mixture, hybrid or encoder."""
    task: str
    model: tuple[Any, ...]
    """What makes two models the same."""
    shares: tuple[float, ...]
    """Parts of the step's time, by component."""
    layout: tuple[float, ...]
    """Logarithms to base 2 of degrees, batch and sequence length."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Spreads:
    """Standard deviations of the effects, in the logarithm of the speed; 0.1 is about 10 %."""

    component: float = 0.0875
    """An error of a component's time, the same for all jobs: counts by the component's share."""
    framework: float = 0.142
    """The same, for jobs of one framework."""
    framework_kind: float = 0.229
    """The same, for one framework and kind of model."""
    release: float = 0.0582
    """One framework and kind on one generation, at one time; fades with `fading` years."""
    generation: float = 0.0859
    """Components of jobs on one generation of accelerators."""
    accelerator: float = 0.041
    precision: float = 0.121
    """Components of jobs in one precision and generation."""
    fabric: float = 0.282
    """Components of jobs of one framework on one fabric between nodes."""
    task: float = 0.0281
    """One task and framework."""
    model: float = 0.0359
    """One model."""
    model_accelerator: float = 0.0232
    """One model on one accelerator in one precision."""
    layout: float = 0.055
    """The same and the framework, for layouts that differ little: fades with `layout_length` doublings."""
    noise: float = 0.0379
    """What differs between measurements of one configuration of a dense model."""
    noise_mixture: float = 0.0955
    """The same, of a mixture or hybrid."""
    mixture: float = 1.72
    """Times by which effects of a mixture or hybrid are larger."""
    fading: float = 1.56
    """Years."""
    layout_length: float = 4.57
    """Doublings of a degree."""


NAMES = tuple(field.name for field in fields(Spreads))
UNSEEN = 0.14
"""Standard deviation of what a mixture or hybrid is off where nothing of its model was measured, in the logarithm of
the speed: that of the mean errors of eleven such models, each left out. It adds to the interval alone: as an effect in
common it makes forecasts worse, and measurements less likely."""


class Groups:
    """Jobs, as arrays in which equal groups have equal numbers."""

    def __init__(self, jobs: Sequence[Features], known: Groups | None = None) -> None:
        self.codes: dict[str, dict[Any, int]] = known.codes if known else {}
        self.shares = np.array([job.shares for job in jobs])
        self.layout = np.array([job.layout for job in jobs])
        self.year = np.array([job.year for job in jobs])
        self.mixed = np.array([job.kind != "dense" for job in jobs])
        self.group = {
            "framework": self._code("framework", [job.framework for job in jobs]),
            "framework_kind": self._code("framework_kind", [(job.framework, job.kind) for job in jobs]),
            "generation": self._code("generation", [job.generation for job in jobs]),
            "accelerator": self._code("accelerator", [job.accelerator for job in jobs]),
            "precision": self._code("precision", [(job.generation, job.precision) for job in jobs]),
            "release": self._code("release", [(job.framework, job.kind, job.generation) for job in jobs]),
            "fabric": self._code("fabric", [(job.framework, job.fabric) for job in jobs]),
            "task": self._code("task", [(job.task, job.framework) for job in jobs]),
            "model": self._code("model", [job.model for job in jobs]),
            "model_accelerator": self._code(
                "model_accelerator", [(job.model, job.accelerator, job.precision) for job in jobs]
            ),
            "layout": self._code(
                "layout", [(job.model, job.accelerator, job.precision, job.framework, job.task) for job in jobs]
            ),
        }

    def _code(self, name: str, keys: Sequence[Any]) -> Array:
        table = self.codes.setdefault(name, {})
        return np.array([table.setdefault(key, len(table)) for key in keys])


BY_SHARE = ("framework", "framework_kind", "generation", "precision", "fabric")
"""Effects of a group that count by the components' shares, as that of all jobs does."""
WHOLE = ("accelerator", "task", "model", "model_accelerator")
"""Effects of a group that count as they are."""
FADING = ("release", "layout")
"""The same, of which jobs have less in common the further apart they are."""


def parts(one: Groups, other: Groups, spreads: Spreads) -> dict[str, Array]:
    """Each effect's part of the covariance between jobs, as if all were dense, without noise."""
    mix = one.shares @ other.shares.T
    by_share = {name: mix * in_common((name,), one, other, spreads) for name in BY_SHARE}
    whole = {name: in_common((name,), one, other, spreads) for name in (*WHOLE, *FADING)}
    return {"component": spreads.component**2 * mix} | by_share | whole


def in_common(names: Sequence[str], one: Groups, other: Groups, spreads: Spreads) -> Array:
    """Variance of the effects that jobs have in common, of these. In place: new pages would take most of the time."""
    found = np.zeros((len(one.year), len(other.year)))
    for name in names:
        alike = one.group[name][:, None] == other.group[name]
        if name not in FADING:
            np.add(found, getattr(spreads, name) ** 2, out=found, where=alike)
            continue
        mine, theirs = np.nonzero(alike)
        apart = np.abs(one.year[mine] - other.year[theirs]) / spreads.fading
        if name == "layout":
            apart += np.abs(one.layout[mine] - other.layout[theirs]).sum(-1) / spreads.layout_length
        found[mine, theirs] += getattr(spreads, name) ** 2 * np.exp(-apart)
    return found


def noise(jobs: Groups, spreads: Spreads) -> Array:
    """Variance of each job's measurement."""
    return np.where(jobs.mixed, spreads.noise_mixture, spreads.noise) ** 2


class Residual:
    """The process, given measurements: `logarithms` of measured over modelled speed of `jobs`."""

    def __init__(self, jobs: Sequence[Features], logarithms: Array, spreads: Spreads) -> None:
        self.jobs, self.spreads, self.logarithms = Groups(jobs), spreads, logarithms
        covariance = total(self.jobs, self.jobs, spreads)
        self.own = np.diag(covariance).copy()
        covariance[np.diag_indices_from(covariance)] += noise(self.jobs, spreads)
        self.root = _inverse_of_triangle(np.linalg.cholesky(covariance))
        self.weights = self.root.T @ (self.root @ logarithms)

    def expect(self, jobs: Sequence[Features]) -> tuple[Array, Array]:
        """Mean and standard deviation of the logarithm of a new measurement of each job."""
        groups = Groups(jobs, self.jobs)
        across = self.covariance(groups)
        before = np.array([total(each, each, self.spreads)[0, 0] for each in _each(jobs, self.jobs)])
        variance = before + noise(groups, self.spreads) - ((across @ self.root.T) ** 2).sum(1)
        strange = unseen(groups, self.jobs.group["model"])
        return across @ self.weights, np.sqrt(np.maximum(variance, 1e-8) + strange)

    def mean(self, job: Features, shares: Array, layout: Array) -> Array:
        """The mean alone, for many layouts of one job: a row of `shares` and of `layout` for each.

        What does not change with them is summed up once, so that a hundred thousand are quick.
        """
        alone, measured, spreads = Groups([job], self.jobs), self.jobs, self.spreads
        weights = larger(alone, measured, spreads)[0] * self.weights
        by_share = (in_common(BY_SHARE, alone, measured, spreads)[0] + spreads.component**2) * weights
        found = shares @ (by_share @ measured.shares)
        found += in_common((*WHOLE, "release"), alone, measured, spreads)[0] @ weights
        for one in np.flatnonzero(measured.group["layout"] == alone.group["layout"]):
            apart = np.abs(layout - measured.layout[one]).sum(-1) / spreads.layout_length
            apart += abs(job.year - measured.year[one]) / spreads.fading
            found += spreads.layout**2 * weights[one] * np.exp(-apart)
        return np.asarray(found)

    def left_out(self, members: Sequence[int]) -> tuple[Array, Array]:
        """What expect() would say of these measurements if they had not been made (Rasmussen and Williams, 5.4.2)."""
        index = np.asarray(members)
        roots = self.root[:, index]
        among = np.linalg.inv(roots.T @ roots)
        strange = unseen(self.jobs, np.delete(self.jobs.group["model"], index))[index]
        return self.logarithms[index] - among @ self.weights[index], np.sqrt(np.diag(among) + strange)

    def covariance(self, groups: Groups) -> Array:
        """Of new jobs with those that were measured."""
        return total(groups, self.jobs, self.spreads)

    def nearest(self, job: Features, least: float = 0.3, count: int = 5) -> list[int]:
        """The measurements whose effects are most like those of `job`, by correlation, nearest first."""
        groups = Groups([job], self.jobs)
        own = total(groups, groups, self.spreads)[0, 0]
        alike = self.covariance(groups)[0] / np.sqrt(own * self.own)
        return [int(index) for index in np.argsort(-alike, kind="stable")[:count] if alike[index] >= least]


def unseen(jobs: Groups, measured: Array) -> Array:
    """Variance, in addition, of jobs that are mixtures of which no model is among those `measured`."""
    return np.where(jobs.mixed & ~np.isin(jobs.group["model"], measured), UNSEEN**2, 0.0)


def larger(one: Groups, other: Groups, spreads: Spreads) -> Array:
    """Factors by which the covariance is larger where mixtures take part."""
    return np.multiply.outer(np.where(one.mixed, spreads.mixture, 1.0), np.where(other.mixed, spreads.mixture, 1.0))


def total(one: Groups, other: Groups, spreads: Spreads) -> Array:
    """The covariance between jobs, without noise: the sum of `parts`."""
    found = in_common(BY_SHARE, one, other, spreads)
    found += spreads.component**2
    found *= one.shares @ other.shares.T
    found += in_common((*WHOLE, *FADING), one, other, spreads)
    found *= larger(one, other, spreads)
    return found


def _inverse_of_triangle(lower: Array) -> Array:
    """By halves, in place of np.linalg.inv, which knows of no triangle: half the time for the published ones."""
    if len(lower) <= 48:
        return np.asarray(np.linalg.inv(lower))
    half = len(lower) // 2
    first, last = _inverse_of_triangle(lower[:half, :half]), _inverse_of_triangle(lower[half:, half:])
    found = np.zeros_like(lower)
    found[:half, :half], found[half:, half:] = first, last
    found[half:, :half] = -last @ (lower[half:, :half] @ first)
    return found


def _each(jobs: Sequence[Features], known: Groups) -> list[Groups]:
    return [Groups([job], known) for job in jobs]
