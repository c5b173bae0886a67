"""seatrial versions outdated"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from seatrial.cli.completing import complete_version
from seatrial.cli.options import as_json, print_json
from seatrial.cli.tables import print_table
from seatrial.errors import UserError, unknown

if TYPE_CHECKING:
    from seatrial.environments.newest import Newest


@click.command()
@click.argument("names", metavar="[COMPONENT]...", nargs=-1, shell_complete=complete_version)
@as_json
def command(names: tuple[str, ...], as_json: bool) -> None:
    """What is newer, as those say today who publish it: the index of Python packages that pip and uv are told to use,
    and GitHub's API for what has releases there. What could not be asked is UNKNOWN, with the reason.

    Exit code 0 whatever it finds.
    """
    from seatrial.environments.newest import ask
    from seatrial.versions.table import entries

    known = {entry.name: entry for entry in entries()}
    if missing := [name for name in names if name not in known]:
        raise UserError(unknown("component", name, known) for name in missing)
    found = ask([known[name] for name in names] or known.values())
    if as_json:
        print_json([_plain(one) for one in found])
        return
    rows = [
        [one["component"], one["version"], one["newest"] or "-", one["state"], one["why"]] for one in map(_plain, found)
    ]
    order = ("outdated", "UNKNOWN")
    print_table(
        ("COMPONENT", "VERSION", "NEWEST", "STATE", "WHY"),
        sorted((row for row in rows if row[3] in order), key=lambda row: order.index(row[3])),
    )
    counts = {state: sum(row[3] == state for row in rows) for state in ("newest", *order)}
    click.echo(", ".join(f"{count} {state}" for state, count in counts.items()))


def _plain(one: Newest) -> dict[str, str]:
    state = {True: "outdated", False: "newest", None: "UNKNOWN"}[one.behind]
    pin = one.entry.pin
    return {
        "component": one.entry.name,
        "version": pin.version,
        "newest": one.version or "",
        "state": state,
        "why": one.why,
    }
