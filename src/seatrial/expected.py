"""What was known of a job before it started: its forecast, as far as the job keeps it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True, slots=True)
class Range:
    """A figure that was forecast: four times in five it lies between `low` and `high`."""

    low: float
    expected: float
    high: float
    evidence: tuple[str, ...] = ()
    """The measurements that it rests on most; empty: none is near."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Faster:
    """One argument that would make a job faster, by the model of its step."""

    setting: str
    """As `--set` takes it: ``recompute=selective``."""
    gain: float
    """Share of tokens a second on top: 0.25 is a quarter more."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Expected:
    """What was known of a job before it started: what it needs and gives, and what cannot be. None: nobody can tell."""

    rate: Range | None = None
    """Tokens a second of the whole job."""
    memory: Range | None = None
    """Bytes at the peak of a rank on a GPU, counted as the case's `peak_memory` says: from those of the emptiest
    pipeline stage to those of the fullest."""
    step_tokens: int | None = None
    """Of a global batch."""
    most: float | None = None
    """Tokens a second of the whole job at which its accelerators would do nothing but matrix products, all of the best
    shape."""
    faster: tuple[Faster, ...] = ()
    """Single arguments that would make it faster and leave it in memory; what gains the most comes first."""

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Expected:
        """What dataclasses.asdict and JSON made of one. Raises ValueError if it is none."""
        try:
            known = {**record, "faster": tuple(Faster(**one) for one in record["faster"])}
            for name in ("rate", "memory"):
                if one := known[name]:
                    known[name] = Range(**one | {"evidence": tuple(one["evidence"])})
            return cls(**known)
        except (KeyError, TypeError) as error:
            raise ValueError(f"nothing that was expected of a job: {error!r}") from None
