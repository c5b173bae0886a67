"""seatrial runs, runs rm, prune, note, tag"""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

import click

from seatrial import following
from seatrial.cli.completing import complete_case, complete_run
from seatrial.cli.options import F, as_json, print_json, runs_dir, warn_unseen
from seatrial.cli.rows import rows
from seatrial.cli.tables import print_table
from seatrial.errors import Problem, UserError, unknown
from seatrial.history import History
from seatrial.report.format import bytes_, number, quantity
from seatrial.runs import Notes, Run, State

_run_argument = click.argument("name", metavar="RUN", shell_complete=complete_run)
UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def _since(_: click.Context, __: click.Parameter, text: str | None) -> datetime | None:
    """``2h`` ago, or a date with or without a time."""
    if text is None:
        return None
    ago = re.fullmatch(r"(\d+(?:\.\d+)?)([mhdw])", text)
    try:
        if ago:
            return datetime.now().astimezone() - timedelta(**{UNITS[ago[2]]: float(ago[1])})
        return datetime.fromisoformat(text).astimezone()
    except (ValueError, OverflowError):
        remedy = "give a time ago, such as 30m, 2h, 3d, 1w, or a date such as 2026-11-28 or 2026-11-28T14:00"
        raise UserError(Problem(f"{text!r} is no time", "--since", remedy)) from None


def filters(function: F) -> F:
    """Which runs."""
    states = click.Choice([state.value for state in State])
    for option in (
        click.option("--tag", "tags", multiple=True, metavar="TAG", help="Only with this tag."),
        click.option("--since", metavar="2h|DATE", callback=_since, help="Only those that began since then."),
        click.option("--state", "states", multiple=True, type=states, help="Only in this state."),
        click.option(
            "--case", "cases", multiple=True, metavar="CASE", help="Only of this case.", shell_complete=complete_case
        ),
    ):
        function = option(function)
    return function


@click.group(invoke_without_command=True)
@filters
@runs_dir
@as_json
@click.pass_context
def command(ctx: click.Context, /, history: History, as_json: bool, **which: Any) -> None:
    """The runs there have been, oldest first. Filters that are given twice mean either."""
    if ctx.invoked_subcommand is not None:
        return
    found = _chosen(history, **which)
    if as_json:
        print_json(found)
    elif found:
        _print(found)
    elif history.runs:
        click.echo(f"none of the {len(history.runs)} runs in {history.root} is one of those")
    else:
        click.echo(f"no runs in {history.root}; start one with: seatrial run fsdp")


def _chosen(
    history: History, cases: Sequence[str], states: Sequence[str], since: datetime | None, tags: Sequence[str]
) -> list[dict[str, Any]]:
    warn_unseen(following.refresh(history.runs))
    tests: list[Callable[[dict[str, Any]], bool]] = [
        lambda row: not cases or row["case"] in cases,
        lambda row: not states or row["state"] in states,
        lambda row: not tags or not {*tags}.isdisjoint(row["tags"]),
        lambda row: since is None or datetime.fromisoformat(row["started"]) >= since,
    ]
    return [row for row in rows(history) if all(test(row) for test in tests)]


def _print(found: list[dict[str, Any]]) -> None:
    header = ["RUN", "JOB", "ON", "STARTED", "STATE", "STEPS", "LOSS", "THROUGHPUT", "VERDICT", "SIZE", "NOTES"]
    table = [_texts(row) for row in found]
    noted = any(row[-1] for row in table)
    header, table = header[: None if noted else -1], [row[: None if noted else -1] for row in table]
    print_table(header, table, optional=("ON", "SIZE", "STARTED", "JOB"))


def _texts(row: dict[str, Any]) -> list[str]:
    return [
        row["run"],
        f"{row['case']}/{row['recipe']}" if row["case"] else "unreadable",
        row["on"] or "-",
        datetime.fromisoformat(row["started"]).strftime("%Y-%m-%d %H:%M:%S"),
        row["state"],
        f"{row['steps']}/{row['of_steps']}" if row["of_steps"] else str(row["steps"]),
        "-" if row["loss"] is None else number(row["loss"]),
        "-" if row["throughput"] is None else quantity(row["throughput"], row["unit"] or ""),
        row["verdict"] or "-",
        bytes_(row["bytes"]),
        " ".join([*(f"#{tag}" for tag in row["tags"]), row["note"]]).strip(),
    ]


@command.command("rm")
@click.argument("names", metavar="RUN...", nargs=-1, required=True, shell_complete=complete_run)
@runs_dir
@as_json
def remove(names: Sequence[str], history: History, as_json: bool) -> None:
    """Remove the folders of runs: logs, checkpoints, reports. Never of one that may still go on."""
    known = {run.id: run for run in history.runs}
    wrong = [unknown("run", name, known) for name in names if name not in known]  # no beginnings: it is for ever
    chosen = [known[name] for name in dict.fromkeys(names) if name in known]
    warn_unseen(following.refresh(chosen))
    wrong += [problem for run in chosen for problem in _live(run)]
    if wrong:
        raise UserError(wrong)
    _remove(history, [row for row in rows(history) if row["run"] in names], as_json=as_json)


@command.command()
@click.option("--keep", type=click.IntRange(0), required=True, metavar="N", help="So many of the newest stay.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@filters
@runs_dir
@as_json
def prune(keep: int, yes: bool, history: History, as_json: bool, **which: Any) -> None:
    """Remove the oldest runs, all but the newest; with filters, of those only. Never one that may still go on."""
    known = {run.id: run for run in history.runs}
    found = _chosen(history, **which)
    old = [row for row in found[: max(0, len(found) - keep)] if not [*_live(known[row["run"]])]]
    if old and not yes:
        if not as_json:
            _print(old)
        free = bytes_(sum(row["bytes"] for row in old))
        what = f"{len(old)} of {len(known)} runs in {history.root}, {free}, would be removed"
        if not sys.stdin.isatty():
            raise UserError(Problem(what, "--yes", "add it, and they are"))
        click.confirm(f"{what}: go on?", abort=True, err=True)
    _remove(history, old, as_json=as_json)


def _live(run: Run) -> Iterable[Problem]:
    """Why a run must not be removed yet."""
    state, submission = run.state(), run.submission()
    if state.live:
        yield Problem(f"{run.id} is {state}", remedy=f"seatrial cancel {run.id}")
    elif submission is not None and submission.standing is None:
        remedy = f"seatrial status {run.id} asks {run.job.cluster} again"
        yield Problem(f"nobody knows whether {run.id} goes on: its engine was never seen", remedy=remedy)


def _remove(history: History, chosen: Sequence[dict[str, Any]], *, as_json: bool) -> None:
    for row in chosen:
        path = history.root / row["run"]
        try:
            shutil.rmtree(path)
        except OSError as error:
            remedy = "it may be another user's, or its disk read-only"
            raise UserError(Problem(f"cannot be removed: {error.strerror}", str(path), remedy)) from None
        if not as_json:
            click.echo(f"removed {row['run']}, {bytes_(row['bytes'])}")
    freed = sum(row["bytes"] for row in chosen)
    if as_json:
        print_json({"removed": [row["run"] for row in chosen], "bytes": freed})
    else:
        click.echo(f"{len(chosen)} removed, {bytes_(freed)} freed")


@command.command()
@_run_argument
@click.argument("words", metavar="[TEXT]...", nargs=-1)
@runs_dir
@as_json
def note(name: str, words: Sequence[str], history: History, as_json: bool) -> None:
    """Note something about a run, in place of what was noted before; no text takes it away."""
    run = history.find(name)
    _save(run, Notes(text=" ".join(words), tags=run.notes().tags), as_json=as_json)


@command.command()
@_run_argument
@click.argument("tags", metavar="TAG...", nargs=-1, required=True)
@click.option("--remove", "away", is_flag=True, help="Take them away.")
@runs_dir
@as_json
def tag(name: str, tags: Sequence[str], away: bool, history: History, as_json: bool) -> None:
    """Give a run tags, by which runs --tag finds it."""
    wrong = [text for text in tags if not re.fullmatch(r"[\w.:/=-]+", text)]
    if wrong:
        remedy = "letters, digits and . : / = _ -"
        raise UserError(Problem(f"{text!r} cannot be a tag", "TAG", remedy) for text in wrong)
    run = history.find(name)
    before = run.notes()
    kept = [text for text in before.tags if text not in tags]
    after = kept if away else [*before.tags, *(text for text in dict.fromkeys(tags) if text not in before.tags)]
    _save(run, Notes(text=before.text, tags=tuple(after)), as_json=as_json)


def _save(run: Run, notes: Notes, *, as_json: bool) -> None:
    run.save_notes(notes)
    if as_json:
        print_json({"run": run.id, "note": notes.text, "tags": notes.tags})
    else:
        click.echo(" ".join([run.id, *(f"#{tag}" for tag in notes.tags), notes.text]).strip())
