"""How often jobs are interrupted, and by what: published tables of fleets, and what a cluster's own runs add to them.

Rates are interruptions per accelerator and hour. A job of N accelerators is interrupted N times as often as one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from seatrial.errors import UserError, unknown
from seatrial.forecast.interval import SHARE, Interval

Kind = Literal["node", "network", "software", "planned"]
"""What it takes to go on: another node; another path; the same nodes; nothing is lost, since it was announced."""


@dataclass(frozen=True, slots=True)
class Component:
    """What interrupts a job."""

    name: str
    events: float
    """Counted in the fleet's accelerator-hours."""
    kind: Kind


@dataclass(frozen=True, kw_only=True, slots=True)
class Fleet:
    """A published table."""

    title: str
    accelerator_hours: float
    components: tuple[Component, ...]
    source: str
    date: str
    note: str = ""
    """What is odd about it, or not in it."""

    @property
    def rate(self) -> float:
        """Unexpected interruptions per accelerator-hour."""
        return sum(self.rates(planned=False).values())

    def rates(self, *, planned: bool = True) -> dict[str, float]:
        """Component -> interruptions per accelerator-hour."""
        kept = (c for c in self.components if planned or c.kind != "planned")
        return {c.name: c.events / self.accelerator_hours for c in kept}


def _hours(accelerators: float, days: float) -> float:
    return accelerators * days * 24


def _counted(kind: Kind, **events: float) -> tuple[Component, ...]:
    return tuple(Component(name.replace("_", " "), count, kind) for name, count in events.items())


_LLAMA3 = Fleet(
    title="Llama 3 405B, 16,384 H100 for 54 days",
    accelerator_hours=_hours(16_384, 54),
    components=(
        *_counted("node", faulty_GPU=148, HBM3=72, GPU_SRAM=19, GPU_system_processor=17, NIC=7),
        *_counted("node", silent_data_corruption=6, GPU_thermal_or_sensor=6, SSD=3, power_supply=3),
        *_counted("node", server_chassis=2, IO_expansion_board=2, CPU=2, system_memory=2),
        *_counted("node", host_maintenance=32),
        *_counted("network", switch_or_cable=35),
        *_counted("software", software_bug=54, NCCL_watchdog=7, dependency=2),
        *_counted("planned", planned_maintenance=47),
    ),
    source="arXiv:2407.21783, table 5",
    date="2024-07",
    note=(
        "The paper prints the 148 faulty GPUs as 30.1 %, which of 419 are 35.3 %, and 58.7 % for GPUs together, which "
        "are 64 % by its counts. More than 90 % of the time was effective."
    ),
)
_RSC = "arXiv:2410.21680 (HPCA 2025)"
_OBSERVED = "By node failures alone: jobs of 1,024 of its GPUs were seen to last 7.9 h, where this rate gives 28.8 h."

FLEETS: Mapping[str, Fleet] = {
    "llama3-405b": _LLAMA3,
    "meta-rsc-1": Fleet(
        title="Meta RSC-1, 16,000 A100 for 11 months",
        accelerator_hours=_hours(8, 1000),
        components=_counted("node", node=6.50),
        source=f"{_RSC}: 6.50 failures in 1,000 node-days",
        date="2024-10",
        note=_OBSERVED,
    ),
    "meta-rsc-2": Fleet(
        title="Meta RSC-2, 8,000 A100 for 11 months",
        accelerator_hours=_hours(8, 1000),
        components=_counted("node", node=2.34),
        source=f"{_RSC}: 2.34 failures in 1,000 node-days",
        date="2024-10",
    ),
    "meta-jobs-1024": Fleet(
        title="Jobs of 1,024 A100 at Meta, as they were seen to end",
        accelerator_hours=1024 * 7.9,
        components=_counted("node", any=1.0),
        source=f"{_RSC}: a mean time to failure of 7.9 h",
        date="2024-10",
        note="All that ended a job, not only nodes.",
    ),
    "opt-175b": Fleet(
        title="OPT-175B, 992 A100 for about 2 months",
        accelerator_hours=_hours(992, 60),
        components=(
            *_counted("node", restart_by_hand=35),
            *_counted("software", automatic_restart=70),
        ),
        source="arXiv:2205.01068, section 2.5",
        date="2022-05",
        note="At least 35 and about 70; over 100 hosts were exchanged.",
    ),
    "bloom": Fleet(
        title="BLOOM, about 400 A100",
        accelerator_hours=_hours(400, 7),
        components=_counted("node", GPU=1.5),
        source="arXiv:2211.05100: one or two GPU failures a week",
        date="2022-11",
        note="Hardware alone.",
    ),
    "crusoe": Fleet(
        title="Crusoe, about 1,600 H200 for 4 months",
        accelerator_hours=_hours(1600, 122),
        components=(
            *_counted("node", host=0.415 * 205),
            *_counted("network", InfiniBand=0.34 * 205),
            *_counted("software", other=0.245 * 205),
        ),
        source="GTC 2025, as noted by G. K. Lockwood: about 205 interruptions, 41.5 % hosts, 34 % InfiniBand",
        date="2025-03",
    ),
    "lablup": Fleet(
        title="Lablup, 504 B200 for 55 days",
        accelerator_hours=_hours(504, 55),
        components=_counted("node", GPU=10),
        source="arXiv:2605.09370",
        date="2026-05",
        note="GPU failures with an Xid alone.",
    ),
}


def fleet(name: str) -> Fleet:
    """The table of that name. Raises UserError with the nearest names."""
    found = FLEETS.get(name)
    if found is None:
        raise UserError(unknown("failure table", name, FLEETS))
    return found


def mean_time_to_failure(rate: float, accelerators: float) -> float:
    """Hours until a job of so many accelerators is interrupted."""
    return 1 / (rate * accelerators)


@dataclass(frozen=True, slots=True)
class Belief:
    """What is known of a rate: a gamma distribution, which counts of interruptions only make narrower.

    The conjugate prior of a Poisson count: Gelman and others, Bayesian Data Analysis, 3rd edition, section 2.6.
    """

    shape: float
    """As if so many interruptions had been seen."""
    hours: float
    """In so many accelerator-hours."""

    @property
    def expected(self) -> float:
        """Interruptions per accelerator-hour."""
        return self.shape / self.hours

    def seen(self, interruptions: float, accelerator_hours: float) -> Belief:
        """After a cluster's own runs."""
        return Belief(self.shape + interruptions, self.hours + accelerator_hours)

    def interval(self) -> Interval:
        """Of the rate."""
        low, high = (_quantile(self.shape, p) / self.hours for p in ((1 - SHARE) / 2, (1 + SHARE) / 2))
        return Interval(low, self.expected, high)


PRIOR = Belief(1.7, 1.7 / 3e-5)
"""Of a cluster of which nothing is known: 3e-5, with an interval whose ends lie a factor 9 apart as the tables do."""


def _quantile(shape: float, probability: float) -> float:
    """Of a gamma distribution of scale 1, by bisection."""
    low, high = 0.0, 10.0 * shape + 50.0
    while high - low > 1e-9 * high:
        middle = (low + high) / 2
        low, high = (middle, high) if _below(shape, middle) < probability else (low, middle)
    return high


def _below(shape: float, x: float) -> float:
    """Regularised lower incomplete gamma function, by its series (Abramowitz and Stegun, 6.5.29)."""
    if x <= 0:
        return 0.0
    term, total, n = 1.0, 1.0, 0
    while term > 1e-12 * total:
        n += 1
        term *= x / (shape + n)
        total += term
    return total * math.exp(shape * math.log(x) - x - math.lgamma(shape + 1))
