"""What seatrial.toml says: the clusters beside this machine, which is built in, and where runs are tracked."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seatrial import launchers
from seatrial.errors import Problem, UserError, unknown
from seatrial.findings import Finding, Rule, Verdict

if TYPE_CHECKING:
    from seatrial.cluster import Cluster

__all__ = [
    "FILE",
    "check",
    "cluster",
    "clusters",
    "find_file",
    "launchers_of_clusters",
    "names",
    "observe",
    "schema",
    "tracking",
    "with_options",
]

FILE = "seatrial.toml"

CHECK = Rule(
    id="cluster.check",
    verdicts=(Verdict.UNKNOWN,),
    reads="what the engine answers",
    expected="it can be looked at",
    why="what nobody could see is not known to be right",
    remedy="try the engine's own command",
    source="docs/clusters.md",
    good="sinfo answers",
    bad="could not be looked at: the connection was lost",
)


def find_file() -> Path | None:
    """The file that counts: $SEATRIAL_CONFIG, the nearest seatrial.toml in this folder or above, or the user's own.

    None if there is none. Raises UserError if $SEATRIAL_CONFIG names no file.
    """
    named = os.environ.get("SEATRIAL_CONFIG")
    if named:
        if not Path(named).is_file():
            raise UserError(Problem("there is no such file", f"SEATRIAL_CONFIG={named}", "seatrial cluster init"))
        return Path(named)
    here = Path.cwd()
    user = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "seatrial"
    found = next((folder / FILE for folder in (here, *here.parents, user) if (folder / FILE).is_file()), None)
    return found.relative_to(here) if found and found.parent == here else found


def clusters() -> dict[str, Cluster]:
    """All clusters by name, this machine first. Raises UserError with everything that is wrong with the file."""
    found = {name: launchers.restore(record) for name, record in _records(find_file()).items()}
    return {launchers.HERE: _this_machine(), **found}


def names() -> list[str]:
    """Names of all clusters, this machine first. Raises UserError as `clusters` does."""
    return [*launchers_of_clusters()]


def launchers_of_clusters() -> dict[str, str]:
    """Name of each cluster -> that of its launcher, this machine first. Raises UserError as `clusters` does."""
    return {launchers.HERE: launchers.HERE, **{n: r["launcher"] for n, r in _records(find_file()).items()}}


def cluster(name: str) -> Cluster:
    """The cluster of that name. Raises UserError with the nearest names and the file they stand in."""
    if name == launchers.HERE:
        return _this_machine()
    path = find_file()
    known = _records(path)
    if name not in known:
        problem = unknown("cluster", name, [launchers.HERE, *known], str(path or ""))
        more = "" if path else f"; there is no {FILE}: seatrial cluster init writes one"
        raise UserError(Problem(problem.what, problem.where, problem.remedy + more))
    return launchers.restore(known[name])


def tracking() -> dict[str, Any]:
    """The table `tracking`: its defaults where there is no file. Raises UserError as `clusters` does."""
    return _table("tracking")


def observe() -> dict[str, Any]:
    """The table `observe`, likewise."""
    return _table("observe")


def _table(name: str) -> dict[str, Any]:
    from seatrial.config.file import read
    from seatrial.config.tables import FileTable

    path = find_file()
    return asdict(FileTable())[name] if path is None else read(path)[name]


def schema() -> dict[str, Any]:
    """The JSON schema (draft 2020-12) of the file, with the options of every launcher."""
    from seatrial.config.describe import file_schema

    return file_schema()


def check(cluster: Cluster) -> list[Finding]:
    """What can be seen of a cluster without starting anything."""
    try:
        return _placed(launchers.find(cluster.launcher).check(cluster), cluster)
    except UserError as error:
        return [
            CHECK.finding(
                Verdict.UNKNOWN,
                f"could not be looked at: {problem.what}",
                evidence=problem.where,
                remedy=problem.remedy,
            )
            for problem in error.problems
        ]


def _placed(findings: list[Finding], cluster: Cluster) -> list[Finding]:
    """Findings about a key of the cluster's table say where in the file it is, or should be."""
    path = find_file()
    if path is None:
        return findings
    from seatrial.config.file import place
    from seatrial.config.validate import dotted

    table = dotted(("clusters", cluster.name))
    return [replace(f, evidence=place(path, f"{table}.{f.scope['key']}")) if "key" in f.scope else f for f in findings]


def with_options(cluster: Cluster, settings: Sequence[str]) -> Cluster:
    """The cluster with options changed by ``key=value`` texts: lists and tables as in TOML, ``none`` for None.

    Raises UserError with every unknown key and every value that does not fit.
    """
    if not settings:
        return cluster
    wrong = [Problem(f"{text!r} is not KEY=VALUE", "--option") for text in settings if "=" not in text]
    texts = dict(text.split("=", 1) for text in settings if "=" in text)
    options, problems = _changed(cluster, texts)
    if wrong or problems:
        raise UserError([*wrong, *problems])
    return replace(cluster, options=options)


def _changed(cluster: Cluster, texts: dict[str, str]) -> tuple[Any, Iterable[Problem]]:
    from seatrial.config.checks import check_options
    from seatrial.config.file import value_of
    from seatrial.config.validate import validate

    cls, values = type(cluster.options), asdict(cluster.options)
    given: dict[str, Any] = {key: None if text == "none" else text for key, text in texts.items()}
    _, flaws = validate(cls, values | given, strict=False)
    # What does not fit may be a list, a table, or the word none.
    given |= {key: value_of(texts[key]) for key in texts if (key,) in flaws}
    options, flaws = validate(cls, values | given, strict=False)
    problems = [*flaws.values()] or check_options(launchers.find(cluster.launcher), options)
    return options, [replace(problem, where=f"--option {problem.where}") for problem in problems]


def _records(path: Path | None) -> dict[str, dict[str, Any]]:
    if path is None:
        return {}
    from seatrial.config.file import read

    return read(path)["clusters"]


def _this_machine() -> Cluster:
    here = launchers.find(launchers.HERE).executor
    assert isinstance(here, launchers.Supervisor)
    return here.machine()
