"""seatrial read"""

from __future__ import annotations

import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import click

from seatrial.cli.completing import complete_instance
from seatrial.cli.options import as_json, parse_settings, runs_dir, settings_option, target_argument

# What a verb needs is imported when it runs: a shell that completes its arguments waits for this file.
if TYPE_CHECKING:
    from seatrial.history import History
    from seatrial.spec import Case, Recipe

AUTO = "auto"
"""The target that is found out from the log."""


@click.command()
@target_argument
@click.argument("log", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--nodes", type=click.IntRange(1), help="Nodes it ran on.  [default: the recipe's]")
@click.option("--processes", type=click.IntRange(1), help="Processes per node.  [default: the recipe's]")
@click.option(
    "--instance",
    metavar="TYPE",
    help="Instance type it ran on.  [default: the recipe's]",
    shell_complete=complete_instance,
)
@settings_option("What was different from the recipe.")
@click.option("--name", help="Name of the run's folder.  [default: case, recipe and time]")
@runs_dir
@as_json
def command(
    target: str,
    log: Path,
    nodes: int | None,
    processes: int | None,
    instance: str | None,
    settings: tuple[str, ...],
    name: str | None,
    history: History,
    as_json: bool,
) -> None:
    """Read a log that a framework wrote elsewhere, as a run of TARGET; auto finds out whose log it is.

    Prefixes of srun, kubectl, docker, journald and torchrun are taken off. The verdict says UNKNOWN where a log cannot
    know, such as whether all ranks agree; figures that were published for the same hardware are compared. With auto the
    hardware is what --instance says, or the log itself tells, or unknown.
    """
    from seatrial import reading
    from seatrial.binding import elsewhere
    from seatrial.cli.forecasting import expected
    from seatrial.cli.outcome import judge_and_keep, say
    from seatrial.events import RunStart, write_events
    from seatrial.findings import exit_code

    case, recipe = _found(log) if target == AUTO else _named(target)
    job, instance_type = reading.job(
        case,
        recipe,
        settings=parse_settings(settings),
        instance_type=instance,
        nodes=nodes,
        processes=processes,
    )
    if recipe.name != reading.NAMELESS:  # else its model and batch are those of a recipe that it need not be
        there = elsewhere(recipe, instance_type, job.nodes, job.processes_per_node)
        job = replace(job, expected=expected(case, job, there))
    with _opened(log) as lines:
        found = reading.events(case, job, lines, log.stat().st_mtime, instance_type)
    for form in (event.versions.get("log") for _, event in found[:1] if isinstance(event, RunStart)):
        if form:
            _note(f"the lines are those of {form}")
    run = history.create(replace(job, args={}) if recipe.name == reading.NAMELESS else job, name)
    shutil.copyfile(log, run.log_path(0))
    write_events(run.events_path, found)
    findings = judge_and_keep(run)
    say(run, findings, target, as_json=as_json)
    sys.exit(exit_code(findings))


def _note(text: str) -> None:
    click.echo(f"{click.style('note', fg='cyan')}: {text}", err=True)


def _opened(log: Path) -> TextIO:
    return log.open(encoding="utf-8", errors="replace")


def _named(target: str) -> tuple[Case, Recipe]:
    from seatrial import catalog, reading

    foreign = {case.name: case for case in reading.FOREIGN}
    return (foreign[target], foreign[target].recipes[0]) if target in foreign else catalog.recipe(target)


def _found(log: Path) -> tuple[Case, Recipe]:
    """Whose log it is, and a recipe that expects nothing: which one was trained, it does not tell."""
    from seatrial import catalog, reading

    cases = [case for case in catalog.cases() if case.log_reader is not None]
    with _opened(log) as lines:
        case = reading.recognise([*cases, *reading.FOREIGN], lines)
    again = f"; hold it against a recipe: seatrial read {case.name}/RECIPE {log}" if case in cases else ""
    _note(f"{log.name} is read as a log of {case.name}{again}")
    return case, reading.anonymous(catalog.recipe(case.name)[1] if case in cases else case.recipes[0])
