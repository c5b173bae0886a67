"""Baselines of one's own, made of what runs left: the JSON of each operation, in nccl-tests' shape."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from seatrial.checks.collectives import nccl_tests_json
from seatrial.checks.collectives.baselines import Baseline, of_runs
from seatrial.checks.collectives.sweep import Sweep
from seatrial.checks.observations import Unreadable
from seatrial.errors import Problem, UserError

FILES = "collectives/*_perf.json"
"""Of a run's folder."""


class Measured(NamedTuple):
    """One operation of one run."""

    run: str
    instance_type: str
    date: str
    sweep: Sweep

    @property
    def key(self) -> tuple[str, int, int, str]:
        """What a baseline of it belongs to."""
        assert self.sweep.nodes and self.sweep.ranks  # see `measured`
        return self.instance_type, self.sweep.nodes, self.sweep.ranks, self.sweep.operation


def record(folders: Sequence[Path]) -> list[Baseline]:
    """One for each operation and size of those runs. Raises UserError with all that is in the way."""
    by_key: dict[tuple[str, int, int, str], list[Measured]] = {}
    problems: list[Problem] = []
    for folder in folders:
        try:
            for one in measured(folder):
                by_key.setdefault(one.key, []).append(one)
        except UserError as error:
            problems += error.problems
    made: list[Baseline] = []
    for key, runs in by_key.items():
        speeds = [{row.size: row.main.busbw for row in one.sweep.rows if row.main} for one in runs]
        newest = max(runs, key=lambda one: one.date)
        source = f"own runs {', '.join(one.run for one in runs)}"
        versions = ", ".join(f"{name} {version}" for name, version in sorted(newest.sweep.versions.items()))
        try:
            made += of_runs(key, speeds, source, newest.date, versions)
        except UserError as error:
            problems += error.problems
    if problems:
        raise UserError(problems)
    return made


def measured(folder: Path) -> list[Measured]:
    """The operations of a run. Raises UserError for one that has none, or whose data were wrong or not looked at."""
    found, problems = [], []
    for path in sorted(folder.glob(FILES)):
        text = path.read_text(encoding="utf-8")
        try:
            [sweep] = nccl_tests_json.parse(text)
            told = json.loads(text)
            instance_type, date = str(told["seatrial"]["instance_type"]), str(told["end_time"])[:10]
        except (Unreadable, KeyError, TypeError) as error:
            problems.append(Problem(f"cannot be read: {error}", str(path)))
            continue
        wrong = "" if sweep.checked else "nobody looked at its data"
        wrong = f"{sweep.out_of_bounds} wrong elements" if sweep.out_of_bounds else wrong or sweep.doubt()
        if wrong or not (sweep.ranks and sweep.nodes and sweep.operation):
            what = f"{wrong or 'ranks, nodes or operation are missing'}: no baseline can rest on it"
            problems.append(Problem(what, str(path), "take a run of a healthy cluster"))
            continue
        versions = told["seatrial"].get("versions", {})
        sweep.versions = {str(name): str(version) for name, version in versions.items()}
        found.append(Measured(folder.name, instance_type, date, sweep))
    if not found and not problems:
        problems.append(Problem("has measured no collective operation", str(folder), "seatrial run collectives"))
    if problems:
        raise UserError(problems)
    return found
