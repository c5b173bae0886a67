"""seatrial check baseline record, list, show"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from seatrial.cli.completing import complete_instance, complete_run
from seatrial.cli.options import as_json, print_json, runs_dir
from seatrial.cli.tables import print_facts, print_table

if TYPE_CHECKING:
    from seatrial.checks.collectives.baselines import Baseline
    from seatrial.history import History


@click.group()
def command() -> None:
    """What collective operations must reach: published figures with their sources, and those of your own runs.

    Your own are in baselines.json beside the runs, and come before published ones.
    """


@command.command()
@click.argument("names", metavar="RUN...", nargs=-1, required=True, shell_complete=complete_run)
@runs_dir
@as_json
def record(names: Sequence[str], history: History, as_json: bool) -> None:
    """Make baselines of three or more runs of collectives on the same nodes: median of each size, and spread."""
    from seatrial.checks.collectives.baselines import keep
    from seatrial.checks.collectives.recording import record

    made = record([history.find(name).path for name in dict.fromkeys(names)])
    keep(_file(history), made)
    if as_json:
        print_json([asdict(baseline) for baseline in made])
        return
    _print(made)
    click.echo(f"{len(made)} baselines in {_file(history)}")


@command.command("list")
@click.option("--instance", metavar="TYPE", help="Only of this EC2 instance type.", shell_complete=complete_instance)
@runs_dir
@as_json
def list_(instance: str | None, history: History, as_json: bool) -> None:
    """All baselines, your own first."""
    found = _known(history, instance)
    if as_json:
        print_json([asdict(baseline) for baseline in found])
    else:
        _print(found)


@command.command()
@click.argument("instance", metavar="TYPE", shell_complete=complete_instance)
@click.option("--nodes", type=click.IntRange(1), help="Only of so many nodes.")
@click.option("--operation", help="Only of this operation.")
@runs_dir
@as_json
def show(instance: str, nodes: int | None, operation: str | None, history: History, as_json: bool) -> None:
    """Baselines of an instance type in full: who measured them, when, with what."""
    from seatrial.errors import Problem, UserError

    found = [
        baseline
        for baseline in _known(history, instance)
        if nodes in (None, baseline.nodes) and operation in (None, baseline.operation)
    ]
    if not found:
        what = f"nobody published one of {instance}, and you recorded none"
        raise UserError(Problem(what, "baseline", "seatrial check baseline record RUN RUN RUN"))
    if as_json:
        print_json([asdict(baseline) for baseline in found])
        return
    for baseline in found:
        facts = {name: str(value) for name, value in asdict(baseline).items() if value not in ("", 0.0)}
        click.echo(click.style(_what(baseline), bold=True))
        print_facts(facts, 13)


def _known(history: History, instance: str | None) -> list[Baseline]:
    from seatrial.checks.collectives.baselines import own, published

    everything = [*own(_file(history)), *published()]
    return [baseline for baseline in everything if instance in (None, baseline.instance_type)]


def _file(history: History) -> Path:
    from seatrial.checks.collectives.baselines import FILE

    return history.root / FILE


def _what(baseline: Baseline) -> str:
    return f"{baseline.operation} on {baseline.nodes} x {baseline.instance_type}, {baseline.ranks} ranks"


def _print(found: Sequence[Baseline]) -> None:
    from seatrial.checks.collectives.judging import size_text

    header = ("INSTANCE", "NODES", "RANKS", "OPERATION", "SIZE", "GB/S", "SPREAD", "SOURCE")
    print_table(
        header,
        [
            (
                b.instance_type,
                str(b.nodes),
                str(b.ranks),
                b.operation,
                size_text(b.size_bytes),
                f"{b.busbw_gbps:.4g}",
                f"{b.spread:.0%}" if b.runs > 1 else "-",
                b.source,
            )
            for b in found
        ],
    )
