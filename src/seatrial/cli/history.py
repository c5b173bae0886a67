"""seatrial history"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from seatrial.cli.completing import complete_cluster
from seatrial.cli.options import output_format, runs_dir, target_argument, warn_unseen
from seatrial.errors import Problem, UserError, unknown
from seatrial.masking import mask_forms

# What the verb needs is imported when it runs: a shell that completes its arguments waits for this file.
if TYPE_CHECKING:
    from seatrial.runs import History, Run, State


@click.command()
@target_argument
@runs_dir
@click.option("--on", "cluster", metavar="CLUSTER", help="Only runs there.", shell_complete=complete_cluster)
@output_format("md")
def command(target: str, history: History, cluster: str | None, format_: str) -> None:
    """The runs of a case or a recipe over time: where throughput, memory, stalls or loss changed, and what else did.

    Runs of the same arguments, layout and cluster are held against each other: those that completed, or were judged.
    """
    from seatrial import following
    from seatrial.report import history_text
    from seatrial.report.entries import read
    from seatrial.report.history import history as histories
    from seatrial.report.peers import counts

    runs = _runs(history, target, cluster)
    warn_unseen(following.refresh(runs))
    counted = [run for run in runs if counts(run)]
    left_out = {run.id: _why(run.state()) for run in runs if run not in counted}
    render = {"text": history_text.to_text, "md": history_text.to_markdown, "json": history_text.to_json}[format_]
    text = render(target, histories(map(read, counted)), left_out)
    click.echo(mask_forms(text).rstrip("\n"))


def _why(state: State) -> str:
    return f"it is {state}" if state.live else f"it is {state}, and was not judged"


def _runs(history: History, target: str, cluster: str | None) -> list[Run]:
    """Those of the target, on that cluster. Raises UserError where there are none."""
    case, recipe = _names(target)
    labels: set[str] = set()
    clusters: set[str] = set()
    found = []
    for run in history.runs:
        try:
            job = run.job
        except UserError:
            continue
        labels |= {job.case, job.label}
        if job.case == case and recipe in ("", job.recipe):
            clusters.add(job.cluster)
            if cluster in (None, job.cluster):
                found.append(run)
    if not labels:
        raise UserError(
            Problem(f"there are no runs in {history.root}", remedy=f"start one with: seatrial run {target}")
        )
    if not clusters:
        raise UserError(unknown("case or recipe with runs", target, sorted(labels)))
    if not found:
        raise UserError(unknown("cluster with runs of it", str(cluster), sorted(clusters)))
    return found


def _names(target: str) -> tuple[str, str]:
    """Case, and recipe or nothing. A case that is no more may still have runs, so that no catalogue is asked."""
    from seatrial import catalog

    path, recipe = catalog.file_of(target)
    if path is not None:
        return catalog.case(str(path)).name, recipe
    case, _, recipe = target.partition("/")
    return case, recipe
