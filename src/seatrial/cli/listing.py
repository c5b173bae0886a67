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
    found: list[dict[str, Any]] = cached("cases", _key(), _all)
    return found


def settings() -> dict[str, dict[str, list[str]]]:
    """Case -> its arguments -> the values that one may have, where they are few."""
    found: dict[str, dict[str, list[str]]] = cached("settings", _key(), _settings)
    return found


def options() -> dict[str, dict[str, list[str]]]:
    """Launcher -> its options -> the values that one may have, where they are few."""
    found: dict[str, dict[str, list[str]]] = cached("options", _installed(), _options)
    return found


def _installed() -> list[Any]:
    return [[path, os.stat(path).st_mtime_ns] for path in sys.path if path.endswith("-packages")]


def _key() -> list[Any]:
    """What changes with the catalogue."""
    installed = _installed()
    elsewhere = cached("cases-elsewhere", installed, _elsewhere)
    return [installed, [files(Path(path)) for path in elsewhere]]


def _elsewhere() -> list[str]:
    """The folder of each package, or the file of each module, that an entry point leads to."""
    from seatrial import catalog

    names = {point.module.partition(".")[0] for point in catalog.entry_points().values()}
    specs = [spec for name in sorted(names) if (spec := importlib.util.find_spec(name)) and spec.origin]
    return [str(Path(s.origin or "").parent if s.submodule_search_locations else s.origin) for s in specs]


def _all() -> list[dict[str, Any]]:
    from seatrial import catalog

    return [_listed(case) for case in catalog.cases()]


def _settings() -> dict[str, dict[str, list[str]]]:
    from seatrial import catalog

    return {case.name: _fields(case.Args) for case in catalog.cases()}


def _options() -> dict[str, dict[str, list[str]]]:
    from seatrial import launchers

    return {name: _fields(launchers.find(name).Options) for name in launchers.names()}


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
        "title": case.title,
        "framework": case.framework,
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
