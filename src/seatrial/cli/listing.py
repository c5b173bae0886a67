"""What the catalogue holds, as plain data: from the cache, since importing every case takes the longer the more there
are, and a shell waits for completion. A case that cannot be imported is listed with the reason."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seatrial.cache import cached, files
from seatrial.errors import UserError

if TYPE_CHECKING:
    from seatrial.spec import Case


def listing() -> list[dict[str, Any]]:
    """Every case with its recipes. No case is imported where none has changed since the last time."""
    # Why a case is broken may lie anywhere: it is looked at each time until it is repaired.
    found: list[dict[str, Any]] = cached("cases", _key(), _all, lambda made: not any(case["broken"] for case in made))
    return found


def settings() -> dict[str, dict[str, list[str]]]:
    """Case -> its arguments -> the values that one may have, where they are few."""
    return _unbroken(cached("settings", _key(), _settings, _whole))


def options() -> dict[str, dict[str, list[str]]]:
    """Launcher -> its options -> the values that one may have, where they are few."""
    return _unbroken(cached("options", _installed(), _options, _whole))


def _unbroken(made: dict[str, Any]) -> dict[str, Any]:
    return {name: fields for name, fields in made.items() if fields is not None}


def _whole(made: dict[str, Any]) -> bool:
    return None not in made.values()


def _installed() -> list[Any]:
    there = [path for path in sys.path if path.endswith("-packages") and os.path.exists(path)]
    return [[path, os.stat(path).st_mtime_ns] for path in there]


def _key() -> list[Any]:
    """What changes with the catalogue."""
    installed = _installed()
    elsewhere = cached("cases-elsewhere", installed, _elsewhere)
    return [installed, [files(Path(path)) if os.path.exists(path) else None for path in elsewhere]]


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
        nothing = dict.fromkeys(("title", "framework", "environment", "purpose", "fidelity", "fidelity_note"))
        return {"case": name, "broken": told, **nothing, "recipes": []}


def _settings() -> dict[str, dict[str, list[str]] | None]:
    from seatrial import catalog

    return {name: _fields_of(catalog.case, name, "Args") for name in catalog.case_names()}


def _options() -> dict[str, dict[str, list[str]] | None]:
    from seatrial import launchers

    return {name: _fields_of(launchers.find, name, "Options") for name in launchers.names()}


def _fields_of(find: Callable[[str], Any], name: str, attribute: str) -> dict[str, list[str]] | None:
    """Of what was found; None where it is broken."""
    try:
        return _fields(getattr(find(name), attribute))
    except UserError:
        return None


def _fields(cls: type[Any]) -> dict[str, list[str]]:
    from dataclasses import fields
    from typing import get_type_hints

    hints = get_type_hints(cls)
    return {field.name: _values(hints[field.name]) for field in fields(cls)}


def _values(hint: Any) -> list[str]:
    """The values of a type, as they are typed; none where there are too many to offer."""
    from types import NoneType, UnionType
    from typing import Literal, Union, get_args, get_origin

    if hint is bool:
        return ["true", "false"]
    if hint is NoneType:
        return ["none"]
    if get_origin(hint) is Literal:
        return [str(value) for value in get_args(hint)]
    if get_origin(hint) in (Union, UnionType):
        each = [_values(part) for part in get_args(hint)]
        return [value for values in each for value in values] if all(each) else []
    return []


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
        "purpose": case.purpose,
        "fidelity": fidelity,
        "fidelity_note": note,
        "recipes": [
            {
                "name": recipe.name,
                "title": recipe.title,
                "fidelity": local_fidelity(case, recipe)[0] if recipe.instance_type is None else None,
                "parameters": recipe.parameters,
                "instance_type": recipe.instance_type,
                "nodes": recipe.nodes,
                "published": [asdict(figure) for figure in recipe.published],
            }
            for recipe in case.recipes
        ],
    }
