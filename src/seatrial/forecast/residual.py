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

    component: float = 0.0779
    """An error of a component's time, the same for all jobs: counts by the component's share."""
    framework: float = 0.12
    """The same, for jobs of one framework."""
    framework_kind: float = 0.219
    """The same, for one framework and kind of model."""
    release: float = 0.0587
    """One framework and kind on one generation, at one time; fades with `fading` years."""
    generation: float = 0.0822
    """Components of jobs on one generation of accelerators."""
    accelerator: float = 0.0351
    precision: float = 0.138
    """Components of jobs in one precision and generation."""
    fabric: float = 0.216
    """Components of jobs of one framework on one fabric between nodes."""
    task: float = 0.0395
    """One task and framework."""
    model: float = 0.0498
    """One model."""
    model_accelerator: float = 0.0222
    """One model on one accelerator in one precision."""
    layout: float = 0.0542
    """The same and the framework, for layouts that differ little: fades with `layout_length` doublings."""
    noise: float = 0.0384
    """What differs between measurements of one configuration of a dense model."""
    noise_mixture: float = 0.0973
    """The same, of a mixture or hybrid."""
    mixture: float = 1.94
    """Times by which effects of a mixture or hybrid are larger."""
    fading: float = 1.81
    """Years."""
    layout_length: float = 4.08
    """Doublings of a degree."""


NAMES = tuple(field.name for field in fields(Spreads))


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


def parts(one: Groups, other: Groups, spreads: Spreads) -> dict[str, Array]:
    """Each effect's part of the covariance between jobs, as if all were dense, without noise."""
    mix = one.shares @ other.shares.T

    def same(name: str) -> Array:
        return np.equal.outer(one.group[name], other.group[name])

    def fading(name: str, *, layout: bool = False) -> Array:
        """1 for the same group at the same time (and layout), less for others of it."""
        alike = same(name)
        mine, theirs = np.nonzero(alike)
        apart = np.abs(one.year[mine] - other.year[theirs]) / spreads.fading
        if layout:
            apart += np.abs(one.layout[mine] - other.layout[theirs]).sum(-1) / spreads.layout_length
        found = np.zeros(alike.shape)
        found[mine, theirs] = np.exp(-apart)
        return found

    weight = {name: getattr(spreads, name) ** 2 for name in NAMES}
    return {
        "component": weight["component"] * mix,
        "framework": weight["framework"] * same("framework") * mix,
        "framework_kind": weight["framework_kind"] * same("framework_kind") * mix,
        "release": weight["release"] * fading("release"),
        "generation": weight["generation"] * same("generation") * mix,
        "accelerator": weight["accelerator"] * same("accelerator"),
        "precision": weight["precision"] * same("precision") * mix,
        "fabric": weight["fabric"] * same("fabric") * mix,
        "task": weight["task"] * same("task"),
        "model": weight["model"] * same("model"),
        "model_accelerator": weight["model_accelerator"] * same("model_accelerator"),
        "layout": weight["layout"] * fading("layout", layout=True),
    }


def noise(jobs: Groups, spreads: Spreads) -> Array:
    """Variance of each job's measurement."""
    return np.where(jobs.mixed, spreads.noise_mixture, spreads.noise) ** 2


class Residual:
    """The process, given measurements: `logarithms` of measured over modelled speed of `jobs`."""

    def __init__(self, jobs: Sequence[Features], logarithms: Array, spreads: Spreads) -> None:
        self.jobs, self.spreads, self.logarithms = Groups(jobs), spreads, logarithms
        covariance = total(self.jobs, self.jobs, spreads)
        self.own = np.diag(covariance).copy()
        self.inverse = np.linalg.inv(covariance + np.diag(noise(self.jobs, spreads)))
        self.weights = self.inverse @ logarithms

    def expect(self, jobs: Sequence[Features]) -> tuple[Array, Array]:
        """Mean and standard deviation of the logarithm of a new measurement of each job."""
        groups = Groups(jobs, self.jobs)
        across = self.covariance(groups)
        before = np.array([total(each, each, self.spreads)[0, 0] for each in _each(jobs, self.jobs)])
        variance = before + noise(groups, self.spreads) - np.einsum("ij,jk,ik->i", across, self.inverse, across)
        return across @ self.weights, np.sqrt(np.maximum(variance, 1e-8))

    def left_out(self, members: Sequence[int]) -> tuple[Array, Array]:
        """What expect() would say of these measurements if they had not been made (Rasmussen and Williams, 5.4.2)."""
        index = np.asarray(members)
        among = np.linalg.inv(self.inverse[np.ix_(index, index)])
        return self.logarithms[index] - among @ self.weights[index], np.sqrt(np.diag(among))

    def covariance(self, groups: Groups) -> Array:
        """Of new jobs with those that were measured."""
        return total(groups, self.jobs, self.spreads)

    def nearest(self, job: Features, least: float = 0.3, count: int = 5) -> list[int]:
        """The measurements whose effects are most like those of `job`, by correlation, nearest first."""
        groups = Groups([job], self.jobs)
        own = total(groups, groups, self.spreads)[0, 0]
        alike = self.covariance(groups)[0] / np.sqrt(own * self.own)
        return [int(index) for index in np.argsort(-alike, kind="stable")[:count] if alike[index] >= least]


def larger(one: Groups, other: Groups, spreads: Spreads) -> Array:
    """Factors by which the covariance is larger where mixtures take part."""
    return np.multiply.outer(np.where(one.mixed, spreads.mixture, 1.0), np.where(other.mixed, spreads.mixture, 1.0))


def total(one: Groups, other: Groups, spreads: Spreads) -> Array:
    """The covariance between jobs, without noise."""
    return np.asarray(larger(one, other, spreads) * sum(parts(one, other, spreads).values()))


def _each(jobs: Sequence[Features], known: Groups) -> list[Groups]:
    return [Groups([job], known) for job in jobs]
