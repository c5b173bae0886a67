"""Which trackers a run is sent to, and what keeps it from being sent there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from seatrial import tracked
from seatrial.errors import Problem, UserError

if TYPE_CHECKING:
    from seatrial.history import History
    from seatrial.observe.trackers import Senders
    from seatrial.runs import Run
    from seatrial.tracked import Tracked

NOWHERE = "none"


def chosen(
    names: Sequence[str], history: History, run: Run | None, option: str = "--track"
) -> tuple[list[Tracked], list[Problem]]:
    """What a run is to be sent to, and every problem with it: the trackers of `names`, or else those that it has had
    until now, or, if it is a new one, those of seatrial.toml."""
    from seatrial import config

    if NOWHERE in names:
        alone = {*names} == {NOWHERE}
        return [], [] if alone else [Problem("means that there is no tracker", f"{option} {NOWHERE}", "leave it out")]
    if not names and run is not None:
        names = [one.tracker for one in tracked.of(run)]
        told = config.tracking() if names else {}
    else:
        told = config.tracking()
        names, option = (names, option) if names else (told["to"], f"{config.FILE}: tracking.to")
    found: list[Tracked] = []
    problems: list[Problem] = []
    for name in dict.fromkeys(names):
        try:
            found.append(_one(name, told, history, run, f"{option} {name}"))
        except UserError as error:
            problems += error.problems
    return found, problems


def _one(name: str, told: dict[str, dict[str, str]], history: History, run: Run | None, where: str) -> Tracked:
    from seatrial import extras
    from seatrial.observe import trackers

    tracker = trackers.find(name, where)
    try:
        before = tracked.read(run, name) if run is not None else None
    except (OSError, ValueError) as error:
        assert run is not None
        file = tracked.path(run, name)
        raise UserError(Problem(f"cannot be read: {error}", str(file), "remove it: a new record is begun")) from None
    given = {key: text for key, text in told.get(name, {}).items() if text is not None}
    settings = before.settings if before else tracker.settings(given, history.root)
    problems = [*extras.missing([tracker.module], where), *tracker.check(settings)]
    if problems:
        raise UserError(problems)
    return replace(before, wanted=True) if before else tracked.Tracked(tracker=name, settings=settings)


def keep(run: Run, wanted: Sequence[Tracked]) -> None:
    """Note in a run's folder that it is to be sent to these, and to no other that it may have had."""
    names = [one.tracker for one in wanted]
    for one in [*wanted, *(replace(one, wanted=False) for one in tracked.of(run) if one.tracker not in names)]:
        tracked.save(run, one)


def senders(run: Run, *, quiet: bool) -> Senders:
    """Sends the run to its trackers while it is followed."""
    from seatrial.observe.trackers import Senders

    def say(tracker: str) -> None:
        if not quiet:
            click.echo(f"waits for {tracker} to take the rest", err=True)

    return Senders(run, tracked.of(run), on_wait=say)
