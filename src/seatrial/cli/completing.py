"""What a shell is offered for an argument or an option: names from the cached catalogue, keys, values, files.

A shell waits for it, so nothing is imported that the word at hand does not need.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from seatrial.errors import UserError

if TYPE_CHECKING:
    import click
    from click.shell_completion import CompletionItem

NOSPACE = "nospace"
"""Type of what goes on behind it: ``fsdp/``, ``steps=``."""

Items: TypeAlias = "list[CompletionItem[str]]"


def complete_case(_: click.Context, __: click.Parameter, incomplete: str) -> Items:
    """Names of cases."""
    from seatrial.cli.listing import listing

    return _beginning(incomplete, [case["case"] for case in listing()])


def complete_target(_: click.Context, __: click.Parameter, incomplete: str) -> Items:
    """Cases, recipes once a case is given, and Python files."""
    from seatrial.cli.listing import listing

    name, slash, _rest = incomplete.partition("/")
    cases = {case["case"]: case["recipes"] for case in listing()}
    if slash and name in cases:
        return _beginning(incomplete, [f"{name}/{recipe['name']}" for recipe in cases[name]])
    return [*_beginning(incomplete, [f"{case}/" for case in cases]), *_python_files(incomplete)]


def complete_recipe(_: click.Context, __: click.Parameter, incomplete: str) -> Items:
    """Names of recipes, of any case."""
    from seatrial.cli.listing import listing

    return _beginning(incomplete, sorted({recipe["name"] for case in listing() for recipe in case["recipes"]}))


def complete_stack(_: click.Context, __: click.Parameter, incomplete: str) -> Items:
    """Stacks of versions."""
    from seatrial.versions import STACKS

    return _beginning(incomplete, list(STACKS))


def complete_version(_: click.Context, __: click.Parameter, incomplete: str) -> Items:
    """Stacks, and components of the table of versions."""
    from seatrial.versions import STACKS
    from seatrial.versions.table import entries

    return _beginning(incomplete, [*STACKS, *(entry.name for entry in entries())])


def complete_cluster(_: click.Context, __: click.Parameter, incomplete: str) -> Items:
    """Names of clusters."""
    return _beginning(incomplete, _launchers())


def complete_deployment(_: click.Context, __: click.Parameter, incomplete: str) -> Items:
    """Architectures, and the deployments of seatrial.toml."""
    from seatrial import architectures

    named: Mapping[str, object] = {}
    with contextlib.suppress(UserError):
        from seatrial.config.deployments import deployments

        named = deployments()
    return _beginning(incomplete, sorted({*architectures.names(), *named}))


def complete_image(_: click.Context, __: click.Parameter, incomplete: str) -> Items:
    """Names of images: cases, and machine images."""
    from seatrial.cli.listing import listing
    from seatrial.images import machines

    return _beginning(incomplete, [*(case["case"] for case in listing()), *machines.names()])


def complete_parameter(_: click.Context, __: click.Parameter, incomplete: str) -> Items:
    """Parameters of the deployment that the line names."""
    from seatrial import architectures
    from seatrial.config.deployments import deployments

    with contextlib.suppress(UserError):
        kinds = {**{name: name for name in architectures.names()}, **deployments()}
        named = next((kinds[word] for word in _words() if word in kinds), None)
        if named:
            return _assignments(incomplete, {f.name: () for f in fields(architectures.find(named).Params)})
    return []


def complete_instance(_: click.Context, __: click.Parameter, incomplete: str) -> Items:
    """Names of instance types."""
    from seatrial.hardware import instances

    return _beginning(incomplete, [item.name for item in instances.INSTANCES])


def complete_rule(_: click.Context, __: click.Parameter, incomplete: str) -> Items:
    """Ids of rules about launch files, and the patterns of their topics."""
    from seatrial.lint.judge import headers

    ids = [rule.id for rule in headers()]
    return _beginning(incomplete, [*sorted({f"{id.partition('.')[0]}.*" for id in ids}), *ids])


def complete_check(_: click.Context, __: click.Parameter, incomplete: str) -> Items:
    """Ids of rules about nodes."""
    from seatrial.checks.catalogue import all_checks

    return _beginning(incomplete, [check.id for check in all_checks()])


def complete_observation(_: click.Context, __: click.Parameter, incomplete: str) -> Items:
    """Kinds of observations that are judged from files."""
    from seatrial.checks.catalogue import all_checks

    return _beginning(incomplete, sorted({check.source.kind for check in all_checks() if check.source.read}))


def complete_place(ctx: click.Context, param: click.Parameter, incomplete: str) -> Items:
    """Names of clusters and of instance types."""
    return [*complete_cluster(ctx, param, incomplete), *complete_instance(ctx, param, incomplete)]


def complete_run(ctx: click.Context, _: click.Parameter, incomplete: str) -> Items:
    """Ids of runs."""
    from seatrial.history import History

    folder = ctx.params.get("history") or Path(os.environ.get("SEATRIAL_RUNS_DIR", "runs"))
    return _beginning(incomplete, [run.id for run in History(folder).runs])


def complete_setting(_: click.Context, __: click.Parameter, incomplete: str) -> Items:
    """Arguments of the case that the line names, and their values where there are only some."""
    from seatrial.cli.listing import settings

    known = settings()
    named = (word.partition("/")[0] for word in _words())
    return _assignments(incomplete, next((known[name] for name in named if name in known), {}))


def complete_option(_: click.Context, __: click.Parameter, incomplete: str) -> Items:
    """Options of the launcher of the cluster that the line names, and their values where there are only some."""
    from seatrial.cli.listing import options

    words = [part for word in _words() for part in word.split("=", 1)]
    cluster = next((after for word, after in pairwise(words) if word == "--on"), None)
    launcher = "local" if cluster is None else _launchers().get(cluster, "")  # no file is read for this machine
    return _assignments(incomplete, options().get(launcher, {}))


def _launchers() -> dict[str, str]:
    """Cluster -> its launcher; nothing if the file cannot be read."""
    from seatrial import config

    with contextlib.suppress(UserError):
        return config.launchers_of_clusters()
    return {}


def _words() -> list[str]:
    """The line so far. Click gives up on arguments behind an option whose value is still missing."""
    from click.shell_completion import split_arg_string

    return split_arg_string(os.environ.get("COMP_WORDS", ""))


def _assignments(incomplete: str, known: Mapping[str, Sequence[str]]) -> Items:
    """``KEY=``, and once that is there ``KEY=VALUE``."""
    key, equals, _ = incomplete.partition("=")
    if equals:
        return _beginning(incomplete, [f"{key}={value}" for value in known.get(key, ())])
    return _beginning(incomplete, [f"{name}=" for name in known])


def _beginning(incomplete: str, names: Sequence[str] | Mapping[str, object]) -> Items:
    from click.shell_completion import CompletionItem

    fitting = [name for name in names if name.startswith(incomplete)]
    return [CompletionItem(n, type=NOSPACE if n.endswith(("/", "=")) else "plain") for n in fitting]


def _python_files(incomplete: str) -> Items:
    """Python files, and once something is typed the folders on the way to them."""
    folder, slash, start = incomplete.rpartition("/")
    found = []
    with contextlib.suppress(OSError):
        for name, is_folder in sorted(_entries(Path(folder + slash or ".").expanduser())):
            if name.startswith(start) and not (name.startswith(".") and not start):
                if is_folder and incomplete:
                    found.append(f"{folder}{slash}{name}/")
                elif name.endswith(".py"):
                    found.append(f"{folder}{slash}{name}")
    return _beginning("", found)


def _entries(folder: Path) -> Iterator[tuple[str, bool]]:
    with os.scandir(folder) as entries:
        yield from ((entry.name, entry.is_dir()) for entry in entries)
