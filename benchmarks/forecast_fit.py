"""Settles the forecast's constants by the published measurements, and prints them for fitted.py and residual.py.

    python benchmarks/forecast_fit.py [--rounds 3]

All at once, as the most likely given what was known before (a maximum a posteriori estimate): a constant is drawn
towards the value below, from which it departs by a factor of about exp(its width) when measurements say so. Spreads by
the gradient of the marginal likelihood (Rasmussen and Williams, 5.4.1), the model's constants by damped Gauss-Newton
steps with the spreads held. Takes about a minute a round.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import numpy as np
from scipy.optimize import minimize  # comes with scikit-learn

from seatrial.forecast.anchors import Anchor, anchors
from seatrial.forecast.expectation import features, modelled, ripeness
from seatrial.forecast.fitted import FITTED, Fitted
from seatrial.forecast.residual import NAMES, Features, Groups, Spreads, larger, noise, parts, total

PRIOR = {
    # What profiles of Megatron and torchtitan steps show of products and attention against the same kernels alone.
    "products": (1.1, 0.15), "low_precision": (1.1, 0.15), "grouped": (1.25, 0.15), "attention": (1.1, 0.15),
    "fill": (1e-6, 0.5), "power": (0.35, 0.5), "passes": (1.0, 0.5), "eager": (1.6, 0.5), "permuted": (2.0, 0.5),
    "launch": (8e-6, 0.5),
    # Steps of a single sequence without graphs: 8.8 ms a layer on B200, 11 on B300, whatever the model, with products.
    "mixture_launch": (8e-3, 0.3), "waited": (0.4, 0.5), "partly": (0.5, 0.5),
    "tensor": (0.9, 0.5), "tensor_overlapped": (0.4, 0.5), "context": (0.5, 0.5), "expert": (0.6, 0.5),
    # NVIDIA's profile of 16 H100 hides 37 % with Megatron-Bridge's overlap, 0.1 % without (its skill cards, 2026-08).
    "expert_overlapped": (0.6, 0.5),
    "contention": (0.15, 0.5), "unhidden": (0.3, 0.5), "host": (0.01, 0.5), "early": (0.15, 0.5),
    "ripening": (1.0, 0.5),
}  # fmt: skip
"""Constant of Fitted -> what it was before measurements, and the width of its logarithm."""
SHARES = (
    "tensor", "tensor_overlapped", "context", "expert", "expert_overlapped", "contention", "unhidden", "waited",
    "partly",
)  # fmt: skip
"""Constants that are shares: 1 at most."""
SPREADS = {
    "component": 0.1, "framework": 0.15, "framework_kind": 0.15, "release": 0.08, "generation": 0.08,
    "accelerator": 0.05, "precision": 0.08, "fabric": 0.1, "task": 0.05, "model": 0.05, "model_accelerator": 0.05,
    "layout": 0.1, "noise": 0.03, "noise_mixture": 0.08, "mixture": 2.0, "fading": 1.0, "layout_length": 2.0,
}  # fmt: skip
"""The same of Spreads; all widths are SPREAD_WIDTH."""
SPREAD_WIDTH = 0.7

CONSTANTS = tuple(field.name for field in fields(Fitted))
CENTRE = np.log([PRIOR[name][0] for name in CONSTANTS])
WIDTH = np.array([PRIOR[name][1] for name in CONSTANTS])
SPREAD_CENTRE = np.log([SPREADS[name] for name in NAMES])

Array = np.ndarray[Any, Any]


def constants(logarithms: Array) -> Fitted:
    """Of their logarithms."""
    values = dict(zip(CONSTANTS, np.exp(logarithms).tolist(), strict=True))
    return Fitted(**{name: min(value, 1.0) if name in SHARES else value for name, value in values.items()})


def spreads(logarithms: Array) -> Spreads:
    """Of their logarithms."""
    return Spreads(**dict(zip(NAMES, np.exp(logarithms).tolist(), strict=True)))


def ratios(measured: Sequence[Anchor], fitted: Fitted) -> tuple[Array, list[Features]]:
    """Logarithms of measured over modelled speed, and what jobs are grouped by."""
    steps = modelled(measured, fitted)
    jobs = [features(a.workload, a.place, s, year=a.year, task=a.task) for a, s in zip(measured, steps, strict=True)]
    logarithms = [np.log(a.tokens_per_second / s.tokens_per_second) for a, s in zip(measured, steps, strict=True)]
    return np.array(logarithms) - [ripeness(job, fitted) for job in jobs], jobs


def unlikely(logarithms: Array, observed: Array, groups: Groups) -> tuple[float, Array]:
    """Negative logarithm of the likelihood of spreads, with their prior, and its gradient."""
    chosen = spreads(logarithms)
    effects = {name: larger(groups, groups, chosen) * part for name, part in parts(groups, groups, chosen).items()}
    scatter = noise(groups, chosen)
    covariance = sum(effects.values()) + np.diag(scatter)
    inverse = np.linalg.inv(covariance)
    weights = inverse @ observed
    slope = inverse - np.outer(weights, weights)
    apart = np.abs(np.subtract.outer(groups.year, groups.year)) / chosen.fading
    distance = np.abs(groups.layout[:, None] - groups.layout[None]).sum(-1) / chosen.layout_length
    derivatives = {name: 2 * part for name, part in effects.items()} | {
        "noise": np.diag(2 * scatter * ~groups.mixed),
        "noise_mixture": np.diag(2 * scatter * groups.mixed),
        "mixture": sum(effects.values()) * np.add.outer(1.0 * groups.mixed, 1.0 * groups.mixed),
        "fading": (effects["release"] + effects["layout"]) * apart,
        "layout_length": effects["layout"] * distance,
    }
    off = (logarithms - SPREAD_CENTRE) / SPREAD_WIDTH
    value = 0.5 * (observed @ weights + np.linalg.slogdet(covariance)[1] + off @ off)
    gradient = np.array([0.5 * (slope * derivatives[name]).sum() for name in NAMES]) + off / SPREAD_WIDTH
    return float(value), gradient


def improved(measured: Sequence[Anchor], logarithms: Array, inverse: Array) -> Array:
    """The model's constants after three damped Gauss-Newton steps; `inverse` is that of the covariance."""

    def cost(observed: Array, at: Array) -> float:
        return float(0.5 * (observed @ inverse @ observed + (((at - CENTRE) / WIDTH) ** 2).sum()))

    observed, damping = ratios(measured, constants(logarithms))[0], 0.05
    for _ in range(3):
        moved = [ratios(measured, constants(logarithms + 0.03 * axis))[0] for axis in np.eye(len(logarithms))]
        jacobian = np.array([(one - observed) / 0.03 for one in moved]).T
        curvature = jacobian.T @ inverse @ jacobian + np.diag(WIDTH**-2)
        slope = jacobian.T @ inverse @ observed + (logarithms - CENTRE) / WIDTH**2
        for _ in range(4):
            change = np.linalg.solve(curvature + damping * np.diag(np.diag(curvature)), slope)
            trial = logarithms - np.clip(change, -0.5, 0.5)
            seen = ratios(measured, constants(trial))[0]
            if cost(seen, trial) < cost(observed, logarithms):
                logarithms, observed, damping = trial, seen, damping / 4
                break
            damping *= 6
    return logarithms


def fit(measured: Sequence[Anchor], start: Array, spread_start: Array, rounds: int) -> tuple[Fitted, Spreads]:
    """Constants and spreads, in turn."""
    for _ in range(rounds):
        observed, jobs = ratios(measured, constants(start))
        groups = Groups(jobs)
        spread_start = minimize(unlikely, spread_start, (observed, groups), "L-BFGS-B", jac=True).x
        chosen = spreads(spread_start)
        covariance = total(groups, groups, chosen) + np.diag(noise(groups, chosen))
        start = improved(measured, start, np.linalg.inv(covariance))
    return constants(start), spreads(spread_start)


def main() -> None:
    """Prints constants and spreads."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    tuned = [one for one in anchors() if one.tuned]
    start = np.log([getattr(FITTED, name) for name in CONSTANTS])
    spread_start = np.log([getattr(Spreads(), name) for name in NAMES])
    for found in fit(tuned, start, spread_start, parser.parse_args().rounds):
        for field in fields(found):
            print(f"{field.name}: float = {getattr(found, field.name):.3g}")


if __name__ == "__main__":
    main()
