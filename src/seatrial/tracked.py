"""How far trackers have a run: what TensorBoard, MLflow or W&B was sent, kept in the run's folder.

A file for each tracker, written by its sender alone. So a resumed run goes on in the same record, and what a tracker
did not take is known, and can be sent later. No secret stands there: those are the trackers' own variables and files.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

from seatrial.findings import Finding, Rule, Verdict
from seatrial.runs import Run, replace_text

FOLDER = "trackers"

BEHIND = Rule(
    id="tracking.behind",
    verdicts=(Verdict.WARN,),
    reads="trackers/NAME.json, events.jsonl",
    expected="the tracker has all events",
    why="who looks there sees a run that stops early, or none; the run itself is whole",
    remedy="seatrial track RUN sends the rest",
    source="docs/track.md",
    good="mlflow has all events",
    bad="mlflow has 31 % of the events: connection refused",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Tracked:
    """A run in one tracker."""

    tracker: str
    settings: Mapping[str, str] = field(default_factory=dict)
    """Of `[tracking.NAME]`, as they were when it was first tracked there."""
    wanted: bool = True
    """False: it was there once, and `--track none` said that it is to have no more."""
    record: str = ""
    """By which name the tracker knows the run; empty until it has one."""
    address: str = ""
    """Where people look at it."""
    offset: int = 0
    """Bytes of events.jsonl that it has."""
    points: int = 0
    """Sets of values that it has."""
    problem: str = ""
    """Why it does not take more; empty if it does."""


def path(run: Run, tracker: str, kind: str = "json") -> Path:
    """``trackers/NAME.json``, or a file beside it."""
    return run.path / FOLDER / f"{tracker}.{kind}"


def read(run: Run, tracker: str) -> Tracked | None:
    """What one tracker has; None if it was never to have it. Raises ValueError if its file cannot be read."""
    try:
        record = json.loads(path(run, tracker).read_text(encoding="utf-8"))
        return Tracked(**{f.name: record[f.name] for f in fields(Tracked) if f.name in record})
    except FileNotFoundError:
        return None
    except (TypeError, AttributeError) as error:
        raise ValueError(f"not what a tracker has: {error}") from None


def save(run: Run, tracked: Tracked) -> None:
    """Write its file anew."""
    (run.path / FOLDER).mkdir(exist_ok=True)
    replace_text(path(run, tracked.tracker), json.dumps(asdict(tracked), indent=2) + "\n")


def of(run: Run) -> list[Tracked]:
    """All trackers that are to have it, by name; none of those whose file cannot be read."""
    found = []
    for file in sorted((run.path / FOLDER).glob("*.json")):
        with contextlib.suppress(OSError, ValueError):
            tracked = read(run, file.stem)
            if tracked is not None and tracked.wanted:
                found.append(tracked)
    return found


def findings(run: Run) -> list[Finding]:
    """One for each tracker that lacks something of a run that is over; nothing is said of those that have all."""
    try:
        size = run.events_path.stat().st_size
    except OSError:
        return []
    found = []
    for tracked in of(run):
        if tracked.problem or tracked.offset < size:
            share = f"{tracked.tracker} has {tracked.offset / size if size else 0:.0%} of the events"
            found.append(
                BEHIND.finding(
                    Verdict.WARN,
                    f"{share}: {tracked.problem}" if tracked.problem else share,
                    evidence=f"{FOLDER}/{tracked.tracker}.json",
                    remedy=f"seatrial track {run.id} --to {tracked.tracker}",
                )
            )
    return found
