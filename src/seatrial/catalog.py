"""Finds cases: built in, in a user's file, or by entry point. Being there is being registered."""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
import sys
from dataclasses import is_dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import seatrial.cases
from seatrial.arguments import CaseArgs
from seatrial.errors import Problem, UserError, unknown
from seatrial.spec import Case, Recipe

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

ENTRY_POINTS = "seatrial.cases"
"""Group in which a package offers modules that hold a ``CASE``."""


def case_names() -> list[str]:
    """Names of all cases, without importing them."""
    return sorted({*_built_in(), *entry_points()})


def _built_in() -> list[str]:
    found = (module.name for module in pkgutil.iter_modules(seatrial.cases.__path__))
    return [name.replace("_", "-") for name in found if not name.startswith("_")]


def entry_points() -> dict[str, EntryPoint]:
    """Cases that other packages offer, by name."""
    from importlib import metadata  # looks through every installed package

    return {point.name: point for point in metadata.entry_points(group=ENTRY_POINTS)}


def cases() -> list[Case]:
    """All cases, by name."""
    return [case(name) for name in case_names()]


def case(name: str) -> Case:
    """The case of that name, or of a Python file. Raises UserError with the nearest names."""
    if name.endswith(".py"):
        return _case_of(_import_file(Path(name)), name)
    if name in _built_in():
        module = importlib.import_module(f"seatrial.cases.{name.replace('-', '_')}")
        return _case_of(module, module.__name__)
    points = entry_points()
    if name not in points:
        raise UserError(unknown("case", name, case_names()))
    return _case_of(points[name].load(), points[name].value)


def recipe(target: str) -> tuple[Case, Recipe]:
    """Case and recipe of ``case``, ``case/recipe``, ``file.py`` or ``file.py:recipe``; by default the recipe tiny."""
    if ".py" in target:
        path, _, name = target.partition(".py:")
        found = case(path if path.endswith(".py") else f"{path}.py")
        return found, found.recipe(name) if name else _default(found)
    name, _, recipe_name = target.partition("/")
    found = case(name)
    return found, found.recipe(recipe_name) if recipe_name else _default(found)


def _default(case: Case) -> Recipe:
    return next((r for r in case.recipes if r.name == "tiny"), case.recipes[0])


def _case_of(loaded: object, where: str) -> Case:
    found = loaded if isinstance(loaded, Case) else getattr(loaded, "CASE", None)
    if not isinstance(found, Case) or not found.recipes:
        raise UserError(Problem("defines no CASE with at least one recipe", where, "see cases/cpu_ddp for an example"))
    if not issubclass(found.Args, CaseArgs):
        remedy = "derive it from seatrial.arguments.CaseArgs, as cases/cpu_ddp does"
        raise UserError(Problem(f"the Args of its CASE, {found.Args.__name__}, knows no ranges", where, remedy))
    return found


def _import_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise UserError(Problem("there is no such file", str(path), "give the path of a Python file that defines CASE"))
    spec = importlib.util.spec_from_file_location(f"seatrial_user_{path.stem}", path)
    assert spec is not None and spec.loader is not None  # a path that ends in .py always has a loader
    module = importlib.util.module_from_spec(spec)
    # dataclasses and pydantic look their module up by name
    sys.modules[module.__name__] = module
    spec.loader.exec_module(module)
    return module


def describe(case: Case) -> dict[str, str]:
    """Each argument of a case -> its documentation, from the string under the field."""
    from pydantic import TypeAdapter

    found: dict[str, str] = {}
    for base in reversed(case.Args.__mro__):  # pydantic looks for the strings in one class at a time
        properties = TypeAdapter(base).json_schema().get("properties", {}) if is_dataclass(base) else {}
        described = {name: schema.get("description", "") for name, schema in properties.items()}
        found |= {name: text for name, text in described.items() if text or name not in found}
    return found
