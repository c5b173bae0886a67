"""Finds cases: built in, in a user's file, or by entry point. Being there is being registered."""

from __future__ import annotations

import pkgutil
import sys
from dataclasses import is_dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import seatrial.cases
from seatrial import loading
from seatrial.arguments import CaseArgs
from seatrial.errors import Problem, UserError, unknown
from seatrial.shipping import shipped
from seatrial.spec import Case, Recipe

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

ENTRY_POINTS = "seatrial.cases"
"""Group in which a package offers modules that hold a ``CASE``."""

FUNCTIONS = ("fidelity_of", "check", "workload", "preflight", "secrets")
"""Fields of a Case by which its own code is called."""


def case_names() -> list[str]:
    """Names of all cases, without importing them."""
    return sorted({*_built_in(), *entry_points()})


def _built_in() -> list[str]:
    found = (module.name for module in pkgutil.iter_modules(seatrial.cases.__path__))
    return [name.replace("_", "-") for name in found if not name.startswith("_")]


def entry_points() -> dict[str, EntryPoint]:
    """Cases that other packages offer, by name."""
    return loading.entry_points(ENTRY_POINTS)


def cases() -> list[Case]:
    """All cases, by name."""
    return [case(name) for name in case_names()]


def case(name: str) -> Case:
    """The case of that name, or of a Python file.

    Raises UserError with the nearest names, or with the one reason why it cannot be imported.
    """
    if name.endswith(".py"):
        return _of_a_file(Path(name))
    if name in _built_in():
        module = loading.module(f"seatrial.cases.{name.replace('-', '_')}")
        return _case_of(module, module.__name__)
    points = entry_points()
    if name not in points:
        raise UserError(unknown("case", name, case_names()))
    return _of_a_package(points[name])


def recipe(target: str) -> tuple[Case, Recipe]:
    """Case and recipe of ``case``, ``case/recipe``, ``file.py`` or ``file.py:recipe``; by default the recipe tiny."""
    path, name = file_of(target)
    where = str(path)
    if path is None:
        where, _, name = target.partition("/")
    found = case(where)
    return found, found.recipe(name) if name else _default(found)


def file_of(target: str) -> tuple[Path | None, str]:
    """Path and recipe of ``file.py`` or ``file.py:recipe``; None and nothing for a case that has a name."""
    before, end, name = target.rpartition(".py")
    return (Path(f"{before}.py"), name.removeprefix(":")) if end and name[:1] in ("", ":") else (None, "")


def _default(case: Case) -> Recipe:
    return next((r for r in case.recipes if r.name == "tiny"), case.recipes[0])


def _of_a_package(point: EntryPoint) -> Case:
    found = _guarded(_case_of(loading.entry_point(point), point.value), point.value)
    module = sys.modules.get(point.value.partition(":")[0].strip())
    own = module is not None and found.program == getattr(module, "__file__", None)
    return (
        replace(found, program=module.__name__) if own and module else found
    )  # where it is is this machine's business


def _of_a_file(path: Path) -> Case:
    if not path.is_file():
        raise UserError(Problem("there is no such file", str(path), "give the path of a Python file that defines CASE"))
    found = _guarded(_case_of(loading.file(path), str(path)), str(path), path.absolute().parent)
    return shipped(found, path)


def _case_of(loaded: object, where: str) -> Case:
    found = loaded if isinstance(loaded, Case) else getattr(loaded, "CASE", None)
    if not isinstance(found, Case) or not found.recipes:
        raise UserError(Problem("defines no CASE with at least one recipe", where, "see cases/cpu_ddp for an example"))
    Args: object = found.Args
    if not (isinstance(Args, type) and issubclass(Args, CaseArgs)):
        name = getattr(Args, "__name__", Args)
        remedy = "derive it from seatrial.arguments.CaseArgs, as cases/cpu_ddp does"
        raise UserError(Problem(f"the Args of its CASE, {name}, knows no ranges", where, remedy))
    for name, kind, remedy in (("program", str, "str(path)"), ("files", tuple, 'files=("a.json",), with a comma')):
        if not isinstance(getattr(found, name), kind):
            raise UserError(Problem(f"the {name} of its CASE is no {kind.__name__}", where, f"give {remedy}"))
    if not all(isinstance(recipe, Recipe) and isinstance(recipe.args, Args) for recipe in found.recipes):
        remedy = "give each Recipe an instance of them as args"
        raise UserError(Problem(f"not all recipes of its CASE have its {Args.__name__}", where, remedy))
    return found


def _guarded(case: Case, where: str, root: Path | None = None) -> Case:
    """A case that is not ours, as one whose functions raise nothing but UserError; `root` is where it comes from."""
    root = root or loading.origin(where)
    functions: dict[str, Any] = {name: getattr(case, name) for name in FUNCTIONS}
    for name, function in functions.items():
        if function is not None:
            functions[name] = loading.guard(function, f"{name} of {case.name}", root, where)
    return replace(case, **functions)


def describe(case: Case) -> dict[str, str]:
    """Each argument of a case -> its documentation, from the string under the field."""
    from pydantic import TypeAdapter

    found: dict[str, str] = {}
    for base in reversed(case.Args.__mro__):  # pydantic looks for the strings in one class at a time
        properties = TypeAdapter(base).json_schema().get("properties", {}) if is_dataclass(base) else {}
        described = {name: schema.get("description", "") for name, schema in properties.items()}
        found |= {name: text for name, text in described.items() if text or name not in found}
    return found
