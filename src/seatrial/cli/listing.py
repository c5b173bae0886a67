"""What the catalogue holds, as plain data: from the cache, since importing every case takes the longer the more there
are, and a shell waits for completion. A case that cannot be imported is listed with the reason."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seatrial.cache import cached, files
from seatrial.errors import UserError

if TYPE_CHECKING:
    from seatrial.spec import Case


def listing() -> list[dict[str, Any]]:
    """Every case with its recipes. No case is imported where none has changed since the last time."""
    there = [path for path in sys.path if path.endswith("-packages") and os.path.exists(path)]
    installed = [[path, os.stat(path).st_mtime_ns] for path in there]
    elsewhere = cached("cases-elsewhere", installed, _elsewhere)
    key = [installed, [files(Path(path)) if os.path.exists(path) else None for path in elsewhere]]
    # Why a case is broken may lie anywhere: it is looked at each time until it is repaired.
    found: list[dict[str, Any]] = cached("cases", key, _all, keep=lambda made: not any(case["broken"] for case in made))
    return found


def _elsewhere() -> list[str]:
    """The folder of each package, or the file of each module, that an entry point leads to."""
    from seatrial import catalog, loading

    origins = (loading.origin(point.value) for point in catalog.entry_points().values())
    return sorted({str(origin) for origin in origins if origin})


def _all() -> list[dict[str, Any]]:
    from seatrial import catalog

    return [_case(name) for name in catalog.case_names()]


def _case(name: str) -> dict[str, Any]:
    from seatrial import catalog

    try:
        return _listed(catalog.case(name))
    except UserError as error:
        told = "; ".join(f"{p.where}: {p.what}" if p.where else p.what for p in error.problems)
        nothing = dict.fromkeys(("title", "framework", "environment", "fidelity", "fidelity_note"))
        return {"case": name, "broken": told, **nothing, "recipes": []}


def _listed(case: Case) -> dict[str, Any]:
    from dataclasses import asdict

    from seatrial.binding import local_fidelity

    fidelity, note = local_fidelity(case, case.recipes[0])
    return {
        "case": case.name,
        "broken": None,
        "title": case.title,
        "framework": case.framework,
        "environment": case.environment,
        "fidelity": fidelity,
        "fidelity_note": note,
        "recipes": [
            {
                "name": recipe.name,
                "title": recipe.title,
                "fidelity": local_fidelity(case, recipe)[0],
                "parameters": recipe.parameters,
                "instance_type": recipe.instance_type,
                "nodes": recipe.nodes,
                "published": [asdict(figure) for figure in recipe.published],
            }
            for recipe in case.recipes
        ],
    }
