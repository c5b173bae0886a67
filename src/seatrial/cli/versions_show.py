"""seatrial versions show"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from seatrial.cli.completing import complete_version
from seatrial.cli.options import as_json, print_json
from seatrial.cli.tables import print_table
from seatrial.errors import UserError, unknown

if TYPE_CHECKING:
    from collections.abc import Sequence

Row = dict[str, str | None]
COLUMNS = ("component", "version", "seen", "newest", "source")


@click.command()
@click.argument("name", metavar="[STACK|COMPONENT]", required=False, shell_complete=complete_version)
@as_json
def command(name: str | None, as_json: bool) -> None:
    """Every version that is chosen: component, version, when somebody looked, what was newer then, and who says so.

    With a stack what it holds; with a component that one, and the stacks that hold it. Without either all there is.
    """
    from seatrial.versions import STACKS

    rows = _rows(name)
    if as_json:
        print_json(rows)
        return
    if name and name in STACKS:
        click.echo(f"{name}: {STACKS[name].title}")
    elif name is None:
        print_table(("STACK", "WHAT FOR"), [(stack, one.title) for stack, one in STACKS.items()])
        click.echo()
    cells = [[row[column] or "-" for column in COLUMNS] for row in rows]
    print_table([column.upper() for column in COLUMNS], cells, optional=("SOURCE", "NEWEST", "SEEN"))


def _rows(name: str | None) -> Sequence[Row]:
    from seatrial.versions import STACKS
    from seatrial.versions.table import entries

    table = {
        entry.name: _row(entry.name, entry.pin.version, entry.pin.source, entry.pin.seen, entry.pin.newest)
        for entry in entries()
    }
    held = {
        stack: [_held(component, version, stack, table) for component, version in one.pins.items()]
        for stack, one in STACKS.items()
    }
    if name is None:
        return list(table.values())
    if name in held:
        return held[name]
    found = [row for entry, row in table.items() if name in (entry, entry.rpartition("/")[2])]
    found += [
        {**row, "component": f"{name} of {stack}"}
        for stack, rows in held.items()
        for row in rows
        if row["component"] == name
    ]
    if not found:
        short = {entry.rpartition("/")[2] for entry in table}
        known = {*held, *table, *short, *(row["component"] or "" for rows in held.values() for row in rows)}
        raise UserError(unknown("stack or component", name, known))
    return found


def _held(component: str, version: str, stack: str, table: dict[str, Row]) -> Row:
    """A component of a stack, with what the table says of this version of it."""
    from seatrial.versions import STACKS

    same = table.get(component, {})
    if same.get("version") == version:
        return {**same}
    return _row(component, version, STACKS[stack].source, None, None)


def _row(component: str, version: str, source: str, seen: str | None, newest: str | None) -> Row:
    return {"component": component, "version": version, "source": source, "seen": seen, "newest": newest}
