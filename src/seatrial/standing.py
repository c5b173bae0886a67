"""How far an engine has a job that was handed to it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Phase(StrEnum):
    """What an engine says of a job."""

    QUEUED = "queued"
    RUNNING = "running"
    ENDED = "ended"
    """Over, in whatever way: how, the run's own events say."""
    GONE = "gone"
    """The engine does not know it (any more)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """Where a job stands in its engine."""

    phase: Phase
    detail: str = ""
    """The engine's own words: ``PENDING: Resources``, ``FAILED: exit code 1``, why a pod does not start."""
    failed: bool = False
    """The engine says that it ended badly."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Submission:
    """What was handed to an engine: submission.json."""

    name: str
    """The name that the engine knows it by; found again by it if the answer was lost."""
    cluster: dict[str, Any]
    """The Cluster as it was then."""
    job_id: str | None = None
    """The engine's own id. None: not handed over yet, or the answer was lost."""
    standing: Standing | None = None
    """As last seen."""
    seen: float | None = None
    """When that was, Unix seconds."""
