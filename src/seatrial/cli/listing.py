"""What the catalogue holds, as plain data: from the cache, since importing every case takes the longer the more there
are, and a shell waits for completion."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seatrial.cache import cached, files

if TYPE_CHECKING:
    from seatrial.spec import Case


def listing() -> list[dict[str, Any]]:
    """Every case with its recipes. No case is imported where none has changed since the last time."""
    installed = [[path, os.stat(path).st_mtime_ns] for path in sys.path if path.endswith("-packages")]
    elsewhere = cached("cases-elsewhere", installed, _elsewhere)
    key = [installed, [files(Path(path)) for path in elsewhere]]
    found: list[dict[str, Any]] = cached("cases", key, _all)
    return found


def _elsewhere() -> list[str]:
    """The folder of each package, or the file of each module, that an entry point leads to."""
    from seatrial import catalog

    names = {point.module.partition(".")[0] for point in catalog.entry_points().values()}
    specs = [spec for name in sorted(names) if (spec := importlib.util.find_spec(name)) and spec.origin]
    return [str(Path(s.origin or "").parent if s.submodule_search_locations else s.origin) for s in specs]


def _all() -> list[dict[str, Any]]:
    from seatrial import catalog

    return [_listed(case) for case in catalog.cases()]


def _listed(case: Case) -> dict[str, Any]:
    from dataclasses import asdict

    from seatrial.binding import local_fidelity

    fidelity, note = local_fidelity(case, case.recipes[0])
    return {
        "case": case.name,
        "title": case.title,
        "framework": case.framework,
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
