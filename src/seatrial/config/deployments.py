"""What can be deployed: tables `[architectures.NAME]`, changed by settings, with what each needs in turn."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from seatrial import architectures
from seatrial.architectures import Architecture, Deployment
from seatrial.config import find_file, machine_images
from seatrial.config.file import place, read, value_of
from seatrial.config.validate import json_schema, validate
from seatrial.errors import Problem, UserError, unknown

KIND = "kind"
"""Key of a table that says which architecture it is; without it the table's name does."""
SHARED = ("region", "profile")
"""What a deployment hands on to what it needs and that says nothing of it."""


def deployments() -> dict[str, str]:
    """Name of each table -> its architecture. Raises UserError if the file is wrong."""
    return {name: str(table.get(KIND, name)) for name, table in _tables(find_file()).items()}


def deployment(name: str, settings: Mapping[str, str] | None = None) -> Deployment:
    """The deployment of that name: a table's, or an architecture's own with what `settings` say.

    A setting is of the deployment itself, ``zones``, or of one that it needs, ``vpc.zones``. Raises UserError with
    everything that is wrong: names, keys, values, and what its own rules say.
    """
    path = find_file()
    making = _Making(path=path, tables=_tables(path), settings=dict(settings or {}), root=name)
    shared = {"region": os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")}
    made = making.make(name, {key: value for key, value in shared.items() if value}, "")
    making.problems += [
        Problem("no such deployment takes part", f"--set {key}", f"one of: {', '.join(making.made)}")
        for key in making.settings.keys() - making.used
    ]
    if made is None or making.problems:
        raise UserError(making.problems)
    if problems := made.problems():
        raise UserError(replace(problem, where=making.place(problem.where)) for problem in problems)
    return made


def _tables(path: Path | None) -> dict[str, dict[str, Any]]:
    return {} if path is None else read(path)["architectures"]


@dataclass(kw_only=True)
class _Making:
    """Deployments on their way: what is wrong is collected."""

    path: Path | None
    tables: Mapping[str, Mapping[str, Any]]
    settings: Mapping[str, str]
    root: str
    used: set[str] = field(default_factory=set)
    made: dict[str, Deployment | None] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def make(self, name: str, shared: Mapping[str, Any], asked: str) -> Deployment | None:
        """The deployment of that name, which the key `asked` of another names; None where something is wrong."""
        if name in self.made:
            if self.made[name] is None and asked:
                self.problems.append(Problem(f"{name} needs itself", self.place(asked), "name another deployment"))
            return self.made[name]
        self.made[name] = None
        architecture = self._architecture(name, asked)
        if architecture is None:
            return None
        label = Path(name).stem.replace("_", "-") if name.endswith(".py") else name
        given = {**shared, **self.tables.get(name, {}), **self._settings(name, architecture.Params)}
        given.pop(KIND, None)
        params, flaws = validate(architecture.Params, given, strict=False)
        self.problems += [self._flaw(name, problem) for problem in flaws.values()]
        if params is not None:
            params, unmade = machine_images.resolve(params, architecture)
            self.problems += [self._flaw(name, problem) for problem in unmade]
        handed_on = {key: given[key] for key in SHARED if key in given}
        needs = {
            key: self._needed(f"architectures.{name}.{key}", wanted, kind, handed_on)
            for key, kind in architecture.needs.items()
            if (wanted := _value(params, architecture, key, given)) is not None
        }
        complete = {key: one for key, one in needs.items() if one is not None}
        if params is None or len(complete) < len(needs):
            return None
        self.made[name] = Deployment(name=label, architecture=architecture, params=params, needs=complete)
        return self.made[name]

    def place(self, where: str) -> str:
        """``seatrial.toml:12: architectures.vpc.zones``, or the option that said it."""
        setting = where.removeprefix(f"architectures.{self.root}.").removeprefix("architectures.")
        if setting in self.settings:
            return f"--set {setting}"
        name = where.removeprefix("architectures.").partition(".")[0]
        return place(self.path, where) if self.path and name in self.tables else where

    def _architecture(self, name: str, asked: str) -> Architecture | None:
        table = self.tables.get(name)
        kind = str((table or {}).get(KIND, name))
        where = f"architectures.{name}.{KIND}" if table is not None else asked
        known = kind.endswith(".py") or kind in architectures.built_in() or kind in architectures.names()
        if table is None and not known:
            what = unknown(
                "deployment", name, [*self.tables, *architectures.names()], self.place(where) if where else ""
            )
            self.problems.append(what)
            return None
        try:
            return architectures.find(kind)
        except UserError as error:
            self.problems += [replace(p, where=p.where or self.place(where)) for p in error.problems]
            return None

    def _settings(self, name: str, Params: Any) -> dict[str, Any]:
        """What --set says of a deployment: a text, or a list or a table as in TOML where that is what belongs there."""
        texts = {}
        for key, text in self.settings.items():
            before, dot, rest = key.partition(".")
            if before == name and dot:
                texts[rest] = text
                self.used.add(key)
            elif name == self.root and not dot:
                texts[key] = text
                self.used.add(key)
        return {key: _parsed(Params, key, text) for key, text in texts.items()}

    def _flaw(self, name: str, problem: Problem) -> Problem:
        if problem.where == "region" and problem.what == "is missing":
            return Problem(f"the region of {name} is not known", "", "give --set region=us-west-2, or set AWS_REGION")
        return replace(problem, where=self.place(f"architectures.{name}.{problem.where}"))

    def _needed(self, where: str, wanted: Any, kind: str, shared: Mapping[str, Any]) -> Deployment | None:
        made = self.make(str(wanted), shared, where)
        if made is not None and made.architecture.name != kind:
            what = f"{wanted} is of the architecture {made.architecture.name}, not {kind}"
            self.problems.append(Problem(what, self.place(where), f"name a deployment of {kind}"))
            return None
        return made


def _value(params: Any, architecture: Architecture, key: str, given: Mapping[str, Any]) -> Any:
    """A parameter, also where others are wrong, so that what it names is looked at in the same go."""
    if params is not None:
        return getattr(params, key)
    default = architecture.Params.__dataclass_fields__[key].default
    return given.get(key, default if isinstance(default, str) else None)


def _parsed(Params: Any, key: str, text: str) -> Any:
    if text == "none":
        return None
    schema = json_schema(Params)
    kinds = str(schema.get("properties", {}).get(key, {}))
    return value_of(text) if "array" in kinds or "object" in kinds else text
