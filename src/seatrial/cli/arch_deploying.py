"""How the verbs that ask CloudFormation show what would change and what happens."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import click

from seatrial.cli.options import pasteable
from seatrial.cli.tables import print_table
from seatrial.errors import Problem, UserError

if TYPE_CHECKING:
    from seatrial.architectures import Deployment
    from seatrial.deploying import Change, Event

NOT_TOLD = ("Resource creation Initiated", "Resource update Initiated")
"""Reasons of events that only repeat that something is in progress."""


def print_change(change: Change) -> None:
    """What would become of a stack, a line for each resource."""
    what = "would be made" if change.new else "would change"
    click.echo(click.style(f"{change.stack} {what}" if change.anything else f"{change.stack}: no change", bold=True))
    rows = [
        (
            row.action,
            row.logical_id,
            row.type,
            {"True": "yes", "False": "-", "Conditional": "perhaps"}.get(row.replacement, row.replacement),
            ", ".join(row.properties) or "-",
        )
        for row in change.rows
    ]
    if rows:
        print_table(("ACTION", "RESOURCE", "TYPE", "REPLACED", "PROPERTIES"), rows)
    for row in change.endangered:
        fate = "would be replaced" if row.replacement == "True" else "may be replaced"
        fate = "would be removed" if row.action == "Remove" else fate
        click.echo(click.style(f"{row.logical_id} ({row.type}) holds data and {fate}", fg="red", bold=True))


def agreed(*, yes: bool, quiet: bool) -> Callable[[Change], bool]:
    """Asks whether a change is to be made; `yes` answers all but those by which data may be lost."""

    def ask(change: Change) -> bool:
        if not quiet:
            print_change(change)
        if yes and not change.endangered:
            return True
        if quiet or not sys.stdin.isatty():
            raise UserError(_nobody_to_ask(change))
        return confirmed(f"Make this change of {change.stack}?", default=not change.endangered)

    return ask


def confirmed(question: str, *, default: bool) -> bool:
    """What a person answers. Raises KeyboardInterrupt for Ctrl-C: click's own exit code means that a run failed."""
    try:
        return click.confirm(question, default=default)
    except click.Abort:
        raise KeyboardInterrupt from None


def _nobody_to_ask(change: Change) -> Problem:
    if change.endangered:
        names = ", ".join(row.logical_id for row in change.endangered)
        what = f"the change of {change.stack} would remove or replace what holds data: {names}"
        return Problem(what, change.deployment, "look at seatrial arch diff, and deploy from a terminal, which asks")
    return Problem(f"nobody is there to agree to the change of {change.stack}", change.deployment, "add --yes")


def teller(*, quiet: bool) -> Callable[[Event], None]:
    """Prints what happens to resources, each a line."""

    def show(event: Event) -> None:
        if quiet or event.reason in NOT_TOLD:
            return
        color = "red" if event.failed else "green" if event.status.endswith("_COMPLETE") else None
        status = click.style(event.status.ljust(20), fg=color)
        reason = f"  {event.reason}" if event.reason else ""
        click.echo(f"{event.at.astimezone():%H:%M:%S}  {status} {event.logical_id} ({event.type}){reason}")

    return show


def hand_over(deployments: Iterable[Deployment], *, replace: bool, quiet: bool) -> dict[str, str]:
    """Write the clusters of deployments into seatrial.toml; what became of each."""
    from seatrial import deploying
    from seatrial.config import handing_over

    found = {c.name: (one, c) for one in deployments for c in handing_over.yielded(one, deploying.outputs(one))}
    if not found:
        return {}
    path, states = handing_over.hand_over([cluster for _, cluster in found.values()], replace=replace)
    for name, state in states.items():
        if not quiet:
            again = pasteable("arch", "cluster", found[name][0].name, "--replace")
            more = f": it says something else; to write it anew: {again}" if state == "kept" else ""
            click.echo(f"{state} [clusters.{name}] in {path}{more}")
    return dict(states)
