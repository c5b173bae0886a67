"""What a tracker is, and what it is told."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from seatrial.errors import Problem
from seatrial.runs import Run
from seatrial.tracked import Tracked


@dataclass(frozen=True, kw_only=True, slots=True)
class About:
    """What a run is, apart from its numbers. No secret is among it."""

    arguments: Mapping[str, str]
    """Arguments of its case: the same for all attempts."""
    facts: Mapping[str, str]
    """Case, cluster, number of ranks, versions: may change with an attempt."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Point:
    """Values of one step."""

    step: int
    time: float
    """Unix seconds."""
    values: Mapping[str, float]
    """Name -> value; docs/track.md lists the names."""
    restart: bool = False
    """An attempt begins after this step: what was told of later steps was lost, and comes again. No values then."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What a run came to."""

    state: str
    """A seatrial.runs.State."""
    verdict: str
    findings: Mapping[str, str]
    """Rule -> verdict and what was observed."""
    figures: Mapping[str, float]
    """Steady throughput, MFU."""
    step: int
    """Steps that were done."""


class Sink(Protocol):
    """The open record of a run in a tracker. A call returns when the tracker has it; whatever it raises, it has not."""

    record: str
    """By which name the tracker knows the run."""
    address: str
    """Where people look at it."""

    def describe(self, about: About) -> None:
        """What the run is; again with each attempt."""

    def log(self, points: Sequence[Point]) -> None:
        """Values, in the order of time."""

    def conclude(self, outcome: Outcome) -> None:
        """What the run came to, as far as it is known; again when it went on."""

    def close(self) -> None:
        """Let go of it. Nothing more comes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Tracker:
    """One kind of tracker."""

    name: str
    module: str
    """What must be importable."""
    settings: Callable[[Mapping[str, str], Path], Mapping[str, str]]
    """Those of seatrial.toml and the folder of all runs -> with what is left out filled in."""
    check: Callable[[Mapping[str, str]], Iterable[Problem]]
    """What is wrong with such settings. Nobody is asked over a network."""
    open: Callable[[Run, Tracked], Sink]
    """Begin the record of a run, or go on with the one that it has."""
