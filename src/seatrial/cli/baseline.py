"""seatrial baseline record, list"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from seatrial.cli.completing import complete_run
from seatrial.cli.options import as_json, print_json, runs_dir
from seatrial.cli.tables import print_table

if TYPE_CHECKING:
    from seatrial.history import History
    from seatrial.verdict.baselines import Baseline


@click.group()
def command() -> None:
    """What the loss of a training must be, step by step: a band made of your own runs that were good.

    Kept in loss_baselines.json beside the runs, which can be committed. Every later run with the same arguments is held
    against it, on however many ranks, and with any seed: run.loss-band in its verdict.
    """


@command.command()
@click.argument("names", metavar="RUN...", nargs=-1, required=True, shell_complete=complete_run)
@runs_dir
@as_json
def record(names: Sequence[str], history: History, as_json: bool) -> None:
    """Make the baseline of a training of one or more of its runs, best three or more with seeds of their own.

    One run shows nothing of what a seed changes, so that its band is a wide one. What was recorded before of the same
    training is replaced.
    """
    from seatrial.verdict.baselines import FILE, keep
    from seatrial.verdict.recording import record

    made = record([history.find(name) for name in dict.fromkeys(names)])
    keep(history.root / FILE, made)
    if as_json:
        print_json(asdict(made))
        return
    _print([made])
    click.echo(f"in {history.root / FILE}")


@command.command("list")
@runs_dir
@as_json
def list_(history: History, as_json: bool) -> None:
    """All baselines of losses."""
    from seatrial.verdict.baselines import FILE, read

    found = read(history.root / FILE)
    if as_json:
        print_json([asdict(baseline) for baseline in found])
    elif found:
        _print(found)
    else:
        click.echo("there is no baseline yet: seatrial baseline record RUN...")


def _print(found: Sequence[Baseline]) -> None:
    rows = []
    for one in found:
        steps, loss = one.band.steps, one.band.loss
        rows.append(
            (
                f"{one.case}/{one.recipe}",
                f"{steps[0]} to {steps[-1]}, {len(steps)} of them",
                f"{loss[0]:.3f} to {loss[-1]:.3f}",
                f"{one.band.width:.1%}",
                ", ".join(one.runs),
                one.date,
            )
        )
    print_table(("JOB", "STEPS", "LOSS", "WITHIN", "RUNS", "DATE"), rows)
