"""Keeps what was observed, so that whoever doubts a finding can read it, and it can be judged anew."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, replace
from pathlib import Path

from seatrial.checks.observations import Observation


def keep(observations: Iterable[Observation], folder: Path) -> list[Observation]:
    """Writes each into a file of its kind, and what is known about it beside that. Returns them with those places.

    `seatrial check read KIND FILE` reads them.
    """
    folder.mkdir(parents=True, exist_ok=True)
    kept = []
    for observation in observations:
        path = folder / f"{observation.kind}.txt"
        path.write_text(observation.text, encoding="utf-8")
        record = {name: value for name, value in asdict(observation).items() if name not in ("text", "path")}
        path.with_suffix(".json").write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
        kept.append(replace(observation, origin=f"{observation.origin} ({path})"))
    return kept
