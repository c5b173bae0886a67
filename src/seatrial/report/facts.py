"""Where a run took place, of what and how it was started: names and values."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from seatrial.report.document import Table
from seatrial.report.format import UNKNOWN, capped, moment, quantity
from seatrial.report.summary import Summary


def facts_table(summary: Summary) -> Table:
    """Where and how the run took place."""
    hosts = list(dict.fromkeys(summary.hosts))
    peak = f"{quantity(summary.peak_flops, 'FLOP/s')} (source: {summary.peak_source})" if summary.peak_flops else ""
    rows = [
        ("case", f"{summary.case}/{summary.recipe}: {summary.title}"),
        ("framework", summary.framework),
        ("state", str(summary.state)),
        ("start", moment(summary.start)),
        ("end", moment(summary.end)),
        ("ranks", str(summary.world_size)),
        ("device", summary.device or ""),
        ("hosts", capped(hosts, 8)),
        ("backend", summary.backend or ""),
        ("parameters", quantity(summary.parameters)),
        ("peak of one device", peak),
    ]
    return Table(headers=("fact", "value"), rows=_told(rows))


def provenance_table(summary: Summary) -> Table:
    """By which commands the run came about, and of which state of the user's code."""
    rows = []
    for start in summary.starts:
        when = f" ({moment(start.time)})" if len(summary.starts) > 1 else ""
        rows += [(f"command{when}", start.command), ("given in", f"{start.folder} on {start.host}")]
        rows += [("commit of the case", start.code), ("version of the command", start.seatrial)]
    return Table(headers=("provenance", "value"), rows=_told([*rows, ("job id", summary.job_id or "")]))


def variables_table(summary: Summary) -> Table:
    """Environment variables that decide how ranks run."""
    return _pairs("environment variable", summary.variables)


def settings_tables(summary: Summary) -> tuple[Table, Table]:
    """The job: the case's settings, and the rest."""
    return _pairs("setting", summary.settings), _pairs("job", summary.layout)


def versions_table(summary: Summary) -> Table:
    """Versions of everything that took part."""
    return _pairs("software", summary.versions, "version")


def without_run(variables: Mapping[str, str], run: str) -> dict[str, str]:
    """Environment variables as those of another run have them: what points into the run's own folder is no other."""
    return {name: value.replace(f"/{run}/", "/RUN/") for name, value in variables.items()}


def flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Nested settings as dotted names with texts."""
    flat: dict[str, str] = {}
    for name, value in values.items():
        if isinstance(value, Mapping) and value:
            flat |= flatten(value, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = (
                value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False, default=str)
            )
    return flat


def _told(rows: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """The rows that tell something."""
    return tuple((name, value) for name, value in rows if value not in ("", UNKNOWN))


def _pairs(name: str, values: Mapping[str, Any], value: str = "value") -> Table:
    """Without what is empty: it tells nothing."""
    rows = ((key, text) for key, text in flatten(values).items() if text not in ('""', "null", "[]", "{}"))
    return Table(headers=(name, value), rows=tuple(rows))
