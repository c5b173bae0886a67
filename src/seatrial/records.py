"""Records of one kind in a JSON file that several commands may change at once: each change is whole and none is lost,
and of a file that is broken nothing is taken."""

from __future__ import annotations

import contextlib
import fcntl
import json
from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from seatrial.errors import Problem, UserError
from seatrial.runs import replace_text

T = TypeVar("T")


def read(file: Path, kind: type[T]) -> list[T]:
    """Those of a file; none if there is no file. `kind` is a dataclass. Raises UserError for what cannot be read."""
    try:
        text = file.read_bytes()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise UserError(Problem(f"cannot be read: {error.strerror}", str(file), "make it readable for you")) from None
    from pydantic import TypeAdapter, ValidationError

    try:
        return TypeAdapter(list[kind]).validate_json(text)  # type: ignore[valid-type] # a kind is known when it runs
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = "".join(f"{step}: " for step in [" ".join(map(str, first["loc"]))] if step)
        remedy = "move it away, and record anew what it held"
        raise UserError(Problem(f"cannot be read: {place}{first['msg']}", str(file), remedy)) from None


def change(file: Path, kind: type[T], to: Callable[[list[T]], Iterable[T]]) -> None:
    """Write what `to` makes of the records that are there, a line for each. Who comes meanwhile waits."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.with_name(f".{file.name}.lock").open("a") as lock:
        with contextlib.suppress(OSError):  # a file system without locks
            fcntl.flock(lock, fcntl.LOCK_EX)
        made: list[Any] = [*to(read(file, kind))]
        replace_text(file, "[\n" + ",\n".join(json.dumps(asdict(one)) for one in made) + "\n]\n")
