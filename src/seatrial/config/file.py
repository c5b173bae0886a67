"""Reading seatrial.toml: all clusters, or every problem with the line that it stands on."""

from __future__ import annotations

import json
import tomllib
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seatrial import launchers
from seatrial.cache import cached
from seatrial.config.validate import Path as Keys
from seatrial.config.validate import dotted, validate
from seatrial.errors import Problem, UserError, unknown
from seatrial.images import records

if TYPE_CHECKING:
    from seatrial.cluster import Cluster
    from seatrial.config.tables import FileTable

REPAIR = "TOML is explained at https://toml.io"


def read(path: Path) -> dict[str, dict[str, Any]]:
    """The clusters of a file by name under `clusters`, and its tables `architectures`, `tracking` and `observe`, as
    dataclasses.asdict and JSON make them: a file is checked once, until it changes. What the parameters of
    architectures may be is looked at where they are used.

    Raises UserError with everything that is wrong with it.
    """
    text = text_of(path)

    def check() -> dict[str, dict[str, Any]]:
        clusters, whole = _parse(text, str(path))
        found = {name: asdict(one) for name, one in clusters.items()}
        rest = asdict(whole)
        return {"clusters": found, **{name: rest[name] for name in ("architectures", "tracking", "observe")}}

    key = [text, records.state()]  # images are named that may be pushed anew
    found: dict[str, dict[str, Any]] = cached(f"file-{zlib.crc32(text.encode()):08x}", key, check)
    theirs = {record["launcher"] for record in found["clusters"].values()} - {*launchers.built_in()}
    return check() if theirs else found  # another package may have been changed since


def text_of(path: Path) -> str:
    """A file's text, its line ends as they are. Raises UserError if it has none that can be read."""
    try:
        return path.read_bytes().decode("utf-8")
    except OSError as error:
        raise UserError(Problem(f"cannot be read: {error.strerror}", str(path))) from None
    except UnicodeDecodeError as error:
        raise UserError(Problem(f"is not UTF-8 at byte {error.start}", str(path), REPAIR)) from None


def parse(text: str, where: str) -> dict[str, Cluster]:
    """The clusters of a file's text; `where` is the file's name in problems."""
    return _parse(text, where)[0]


def _parse(text: str, where: str) -> tuple[dict[str, Cluster], FileTable]:
    from pydantic_core import from_json

    from seatrial.config.tables import FileTable  # as _clusters: a file that was found right needs neither

    try:
        data = tomllib.loads(text)
        from_json(json.dumps(data, default=str))
    except tomllib.TOMLDecodeError as error:
        raise UserError(Problem(f"is not TOML: {error}", where, REPAIR)) from None
    except (RecursionError, ValueError) as error:  # brackets in brackets, a number of thousands of digits
        raise UserError(Problem(f"cannot be read: {error}", where, REPAIR)) from None
    whole, flaws = validate(FileTable, data)
    found, problems = _clusters(data, whole, flaws)
    whole = whole or FileTable()
    problems += [p for name in whole.tracking.to for p in _unknown_tracker(name)]
    if problems:
        lines = _lines(text)
        problems.sort(key=lambda problem: lines.get(_nearest(problem.where, lines), 0))
        raise UserError(replace(problem, where=_place(where, problem.where, lines)) for problem in problems)
    return found, whole


def _unknown_tracker(name: str) -> list[Problem]:
    from seatrial.observe import trackers  # only where the file names one

    known = trackers.names()
    return [] if name in known else [unknown("tracker", name, known, "tracking.to")]


def place(path: Path, key: str) -> str:
    """``seatrial.toml:12: clusters.p5.nodes``; the line is that of the table where the key is not there."""
    return _place(str(path), key, _lines(text_of(path)))


def value_of(text: str) -> Any:
    """What a text is in TOML; the text itself if it is nothing there."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except (ValueError, RecursionError):
        return text


def _clusters(
    data: dict[str, Any], whole: FileTable | None, flaws: Mapping[Keys, Problem]
) -> tuple[dict[str, Cluster], list[Problem]]:
    from seatrial.config.checks import read_cluster, what_fits

    problems = [problem for path, problem in flaws.items() if path[:2] != ("clusters", launchers.HERE)]
    found = {}
    tables = data.get("clusters", {})
    for name, table in tables.items() if isinstance(tables, dict) else ():
        if name == launchers.HERE:
            remedy = f"take another name; --on {name} needs no table"
            problems.append(Problem("is built in: this machine", dotted(("clusters", name)), remedy))
        elif isinstance(table, dict):
            wrong = {path[2:] for path in flaws if path[:2] == ("clusters", name) and path[2:]}
            fitting = what_fits(table, wrong) if whole is None else whole.clusters[name]
            cluster, more = read_cluster(name, fitting, wrong)
            problems += more
            if cluster is not None:
                found[name] = cluster
    return found, problems


def _place(file: str, where: str, lines: Mapping[str, int]) -> str:
    """``seatrial.toml:12: clusters.p5.nodes``."""
    key = _nearest(where, lines)
    file = f"{file}:{lines[key]}" if key else file
    return f"{file}: {where}" if where else file


def _nearest(where: str, lines: Mapping[str, int]) -> str:
    """The key itself, or else the table that it should be in; empty if that has no line either."""
    while where and where not in lines:
        where = where.rpartition("[" if where.endswith("]") else ".")[0]
    return where


def _lines(text: str) -> dict[str, int]:
    """Dotted key -> line that it begins on."""
    found: dict[str, int] = {}
    start = 1
    for statement, data in statements(text):
        for key in _keys(data):
            found.setdefault(key, start)
        start += statement.count("\n")
    return found


def statements(text: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The statements of a text that is TOML: header, value, comment or blank line; each with what it says, in place.

    tomllib tells no places, so statement by statement is read anew. Together they are the text and a line break.
    """
    header = statement = ""
    for line in text.split("\n"):
        statement += line + "\n"
        is_header = statement.lstrip().startswith("[")
        try:
            data = tomllib.loads(statement if is_header else header + statement)
        except tomllib.TOMLDecodeError:
            continue  # it goes on in the next line
        yield statement, data
        header = statement if is_header else header
        statement = ""


def _keys(table: Mapping[str, Any], above: tuple[str, ...] = ()) -> Iterator[str]:
    for key, value in table.items():
        yield dotted((*above, key))
        if isinstance(value, dict):
            yield from _keys(value, (*above, key))
