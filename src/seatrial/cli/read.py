"""seatrial read"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from seatrial.cli.completing import complete_instance
from seatrial.cli.options import as_json, parse_settings, runs_dir, settings_option, target_argument

# What a verb needs is imported when it runs: a shell that completes its arguments waits for this file.
if TYPE_CHECKING:
    from seatrial.runs import History


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
    """Read a log that a framework wrote elsewhere, as a run of TARGET.

    Prefixes of srun, kubectl and torchrun are taken off. The verdict says UNKNOWN where a log cannot know, such as
    whether all ranks agree; figures that were published for the same hardware are compared.
    """
    from seatrial import catalog, reading
    from seatrial.binding import bind
    from seatrial.cli.outcome import judge_and_keep, say
    from seatrial.events import encode
    from seatrial.findings import exit_code

    case, recipe = catalog.recipe(target)
    where = reading.elsewhere(recipe, instance, nodes, processes)
    job = bind(
        case,
        recipe,
        where,
        settings=parse_settings(settings),
        nodes=nodes,
        processes_per_node=processes,
    )
    text = log.read_text(encoding="utf-8", errors="replace")
    found = reading.events(case, job, text.splitlines(), log.stat().st_mtime, where.instance_type)
    run = history.create(job, name)
    run.log_path(0).write_text(text, encoding="utf-8")
    run.events_path.write_bytes(b"".join(encode(event, moment) for moment, event in found))
    findings = judge_and_keep(run)
    say(run, findings, target, as_json=as_json)
    sys.exit(exit_code(findings))
