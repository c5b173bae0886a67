"""Somebody else's code: a case in a file, what a package offers. Whatever it does, it becomes one line for the user."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import re
import shlex
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import wraps
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeVar

from seatrial.errors import Problem, UserError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

LONGEST = 300
"""Characters of an exception's text that are shown."""
INSTALLED = {"site-packages", "dist-packages"}

T = TypeVar("T")


@contextlib.contextmanager
def guarded(root: Path | None, where: str, remedy: str, doing: str = "cannot be imported") -> Iterator[None]:
    """Let somebody else's code run. Raises UserError for whatever it raises, Ctrl-C excepted, also for its SystemExit.

    The place is the deepest line of theirs: in `root`, a file, or below it, a folder; else `where`. What it prints
    goes to stderr, so that JSON on stdout stays JSON.
    """
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    except KeyboardInterrupt:
        raise
    except UserError as error:  # of ours, called by theirs
        place = _place(error, root) or where
        raise UserError(replace(p, where=p.where or place) for p in error.problems) from error
    except BaseException as error:
        raise UserError(Problem(f"{doing}: {_told(error)}", _place(error, root) or where, remedy)) from error


def file(path: Path) -> ModuleType:
    """The module of a Python file, which may import what lies beside it. Raises UserError as `guarded` does."""
    spec = importlib.util.spec_from_file_location(f"seatrial_user_{path.stem}", path)
    assert spec is not None and spec.loader is not None  # a path that ends in .py always has a loader
    module = importlib.util.module_from_spec(spec)
    beside = path.absolute().parent
    if str(beside) not in sys.path:
        sys.path.append(str(beside))  # last, so that nothing of ours is found there instead
    # dataclasses and pydantic look their module up by name
    sys.modules[module.__name__] = module
    with guarded(beside, str(path), f"the whole traceback: python {shlex.quote(str(path))}"):
        spec.loader.exec_module(module)
    return module


def module(name: str) -> ModuleType:
    """The module of that name. Raises UserError as `guarded` does."""
    with guarded(origin(name), name, f"the whole traceback: python -c 'import {name}'"):
        return importlib.import_module(name)


def entry_points(group: str) -> dict[str, EntryPoint]:
    """What packages offer in a group, by name. A package whose list cannot be read offers nothing."""
    from importlib import metadata  # looks through every installed package

    points: Iterable[EntryPoint] = ()
    try:
        points = metadata.entry_points(group=group)
    except Exception:
        for distribution in metadata.distributions():
            with contextlib.suppress(Exception):
                points = [*points, *distribution.entry_points.select(group=group)]
    return {point.name: point for point in points}


def entry_point(point: EntryPoint) -> Any:
    """What a package offers. Raises UserError as `guarded` does."""
    with guarded(origin(point.value), point.value, "repair the package that offers it, or remove it"):
        return point.load()


def origin(name: str) -> Path | None:
    """Folder of the package, or file of the module, that ``package.module:name`` begins with; None: not found.

    Nothing is imported for it.
    """
    try:
        spec = importlib.util.find_spec(re.split(r"\W", name, maxsplit=1)[0])
    except (ImportError, ValueError):  # imported in a strange way
        return None
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).parent if spec.submodule_search_locations else Path(spec.origin)


def guard(
    function: Callable[..., T], name: str, root: Path | None, where: str, remedy: str = "repair the case"
) -> Callable[..., T]:
    """A function of somebody else, as one that raises UserError as `guarded` does; what it yields comes at once."""

    @wraps(function)
    def call(*args: Any, **named: Any) -> Any:
        with guarded(root, where, remedy, f"{name} failed"):
            result = function(*args, **named)
            return list(result) if isinstance(result, Iterator) else result

    return call


def _told(error: BaseException) -> str:
    """``TypeError: ...`` in one line."""
    said = error.msg if isinstance(error, SyntaxError) else str(error)
    words = " ".join(said.split())
    words = words if len(words) <= LONGEST else f"{words[:LONGEST]} ..."
    return f"{type(error).__name__}: {words}" if words else type(error).__name__


def _place(error: BaseException, root: Path | None) -> str:
    """``file:line`` of the deepest line of theirs; empty if there is none."""
    if root is None:
        return ""
    import traceback  # a command that finds nothing wrong starts without it

    lines = [(frame.f_code.co_filename, number) for frame, number in traceback.walk_tb(error.__traceback__)]
    if isinstance(error, SyntaxError) and error.filename and error.lineno:
        lines.append((error.filename, error.lineno))  # what cannot be read has no frame
    theirs = [f"{name}:{number}" for name, number in lines if number and _is_below(Path(name), root.resolve())]
    return theirs[-1] if theirs else ""


def _is_below(path: Path, root: Path) -> bool:
    found = path.resolve()
    return found == root or (found.is_relative_to(root) and not INSTALLED & {*found.relative_to(root).parts})
