"""seatrial track"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import click

from seatrial.cli.options import as_json, find_run, pasteable, print_json, run_argument, runs_dir, warn_unseen
from seatrial.errors import ExitCode, Problem, UserError

# What the verb needs is imported when it runs: a shell that completes its arguments waits for this file.
if TYPE_CHECKING:
    from seatrial.history import History
    from seatrial.runs import Run
    from seatrial.tracked import Tracked


@click.command()
@run_argument
@click.option(
    "--to",
    "names",
    metavar="TRACKER",
    multiple=True,
    help="tensorboard, mlflow or wandb.  [default: what it has been sent to, or tracking.to of seatrial.toml]",
)
@click.option("-f", "--follow", is_flag=True, help="As long as the run goes on.")
@runs_dir
@as_json
def command(name: str, names: tuple[str, ...], follow: bool, history: History, as_json: bool) -> None:
    """Send a run's numbers to trackers: what they lack of it, or all if it is new there.

    For runs that nobody follows, that a tracker did not take, or that were never tracked.
    """
    from seatrial.cli.outcome import judge_and_keep

    run = find_run(history, name)
    wanted = _wanted(run, names, history)
    _send(run, wanted, follow=follow)
    if not run.state().live:
        judge_and_keep(run)  # a finding about what it lacked may be gone
    has = _has(run, wanted)
    if as_json:
        print_json([{"tracker": one.tracker, "address": one.address, "problem": one.problem} for one in has])
    else:
        for one in has:
            click.echo(f"{one.tracker}: {one.address}" if not one.problem else f"{one.tracker}: failed: {one.problem}")
    sys.exit(ExitCode.FAILED if any(one.problem for one in has) else ExitCode.PASSED)


def _wanted(run: Run, names: tuple[str, ...], history: History) -> list[Tracked]:
    """Where it is sent, noted in its folder. Raises UserError where it cannot be."""
    from seatrial import tracked
    from seatrial.cli.tracking import chosen
    from seatrial.observe.trackers import unwritable

    wanted, problems = chosen(names, history, run, "--to")
    if not wanted and not problems:
        wanted, problems = chosen(names, history, None, "--to")
    if not wanted and not problems:
        remedy = f"name one: {pasteable('track', run.id, '--to', 'tensorboard')}"
        problems = [Problem("it is to be sent nowhere", "--to", remedy)]
    folder = unwritable(run)
    if folder is not None:
        problems.append(Problem("cannot be written to", str(folder), "ask its owner for the right to it"))
    if problems:
        raise UserError(problems)
    for one in wanted:
        tracked.save(run, one)
    return wanted


def _send(run: Run, wanted: list[Tracked], *, follow: bool) -> None:
    """Raises UserError if another command sends it somewhere."""
    from seatrial import following
    from seatrial.observe.trackers import Senders

    with Senders(run, wanted, patience=0) as senders:
        unseen: list[Problem] = []
        while follow and run.state().live:
            time.sleep(following.POLL_SECONDS)
            before, unseen = unseen, following.refresh([run])
            if unseen != before:  # said once, not at each look
                warn_unseen(unseen)
    if senders.busy:
        remedy = "wait until it ends"
        raise UserError(Problem("another command sends it there", f"--to {name}", remedy) for name in senders.busy)


def _has(run: Run, wanted: list[Tracked]) -> list[Tracked]:
    from seatrial import tracked

    found = (tracked.read(run, one.tracker) for one in wanted)
    return [one for one in found if one is not None]
