"""A group of verbs whose modules are imported when they are used."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

import click


class Verbs(click.Group):
    """Imports a verb's module only when the verb is used, so that --help costs nothing."""

    def __init__(self, *args: Any, modules: str, titles: Mapping[str, str], **kwargs: Any) -> None:
        """`modules`: what their names begin with; `titles`: verb -> what it is for, in the order of --help."""
        super().__init__(*args, **kwargs)
        self._modules, self._titles = modules, titles

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*self._titles]

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in self._titles:
            return None
        command: click.Command = importlib.import_module(f"{self._modules}{name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([*self._titles.items()])
