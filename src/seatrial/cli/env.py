"""seatrial env list, create, remove, lock"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from seatrial import environments, versions
from seatrial.cli.installing import installing
from seatrial.cli.listing import listing
from seatrial.cli.options import as_json, print_json
from seatrial.cli.tables import print_table
from seatrial.environments import Environment
from seatrial.report.format import bytes_


def _complete(_: click.Context, __: click.Parameter, incomplete: str) -> list[str]:
    return [name for name in environments.names() if name.startswith(incomplete)]


_names = click.argument("names", metavar="[NAME]...", nargs=-1, shell_complete=_complete)


@click.group()
def command() -> None:
    """The environments there are: frameworks of cases, locked. Runs on this machine make them on first use.

    They are in $SEATRIAL_ENVIRONMENTS, or ~/.cache/seatrial/environments.
    """


@command.command("list")
@as_json
def list_(as_json: bool) -> None:
    """All environments: whether they are made, and which cases use them."""
    cases = [(case["environment"], case["case"]) for case in listing()]
    rows = [
        _row(environments.standing(name), [c for used, c in cases if used == name]) for name in environments.names()
    ]
    if as_json:
        print_json(rows)
        return
    print_table(
        ("NAME", "STATE", "SIZE", "PACKAGES", "FOR", "PATH"),
        [
            (
                row["name"],
                row["state"],
                "-" if row["size"] is None else bytes_(row["size"]),
                str(row["packages"]),
                ", ".join(row["for"]) or "-",
                row["path"] or "-",
            )
            for row in rows
        ],
    )


@command.command()
@_names
@as_json
def create(names: Sequence[str], as_json: bool) -> None:
    """Make environments, or all but those on request; print where they are."""
    made: list[dict[str, Any]] = []
    for name in names or environments.unasked():
        with installing(quiet=as_json) as show:
            made.append({"name": name, "path": environments.ensure(name, show)})
        if not as_json:
            click.echo(made[-1]["path"])
    if as_json:
        print_json(made)


@command.command()
@_names
@as_json
def remove(names: Sequence[str], as_json: bool) -> None:
    """Remove environments, or all: every version, also those of other locks and Pythons."""
    folders = [folder for name in names or environments.names() for folder in environments.remove(name)]
    if as_json:
        print_json({"removed": folders})
    for folder in () if as_json else folders:
        click.echo(f"removed {folder}")


@command.command()
@click.argument("name", shell_complete=_complete)
def lock(name: str) -> None:
    """Print the file that names an environment's packages with their hashes, for pip and uv."""
    click.echo(environments.lock(name))


def _row(found: Environment, cases: list[str]) -> dict[str, Any]:
    not_made = "on request" if found.name in versions.ON_REQUEST else "not made"
    return {
        "name": found.name,
        "state": "made" if found.made else "outdated" if found.others else not_made,
        "size": found.size,
        "packages": found.packages,
        "for": cases,
        "path": found.path and str(found.path),
        "others": [str(path) for path in found.others],
    }
