"""seatrial history"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any

import click

from seatrial.cli.completing import complete_cluster
from seatrial.cli.options import output_format, runs_dir, target_argument, warn_unseen
from seatrial.errors import Problem, UserError, unknown
from seatrial.masking import mask_forms

# What the verb needs is imported when it runs: a shell that completes its arguments waits for this file.
if TYPE_CHECKING:
    from seatrial.history import History
    from seatrial.job import Job
    from seatrial.runs import Run, State


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
    from seatrial.report.entries import Entry
    from seatrial.report.history import history as histories
    from seatrial.runs import State

    jobs = _jobs(history, target, cluster)
    warn_unseen(following.refresh([run for run, _ in jobs]))
    told = _told(f"{history.root.resolve()} {target} {cluster}", [run for run, _ in jobs])
    entries = [Entry.of(told[run.id]["entry"], job) for run, job in jobs if told[run.id]["entry"]]
    left_out = {id_: _why(State(one["state"])) for id_, one in told.items() if not one["entry"]}
    render = {"text": history_text.to_text, "md": history_text.to_markdown, "json": history_text.to_json}[format_]
    click.echo(mask_forms(render(target, histories(entries), left_out)).rstrip("\n"))


def _told(name: str, runs: list[Run]) -> dict[str, dict[str, Any]]:
    """State and entry of each run; no entry: it does not count. From the cache, unless its files changed."""
    from seatrial.cache import cached_each
    from seatrial.cli.rows import key
    from seatrial.provenance import FILE
    from seatrial.report.entries import read
    from seatrial.report.peers import counts

    files = ("job.json", "submission.json", "events.jsonl", "findings.jsonl", "cancelled", FILE)
    by_id = {run.id: run for run in runs}

    def tell(id_: str) -> dict[str, Any]:
        run = by_id[id_]
        return {"state": run.state(), "entry": read(run).record() if counts(run) else None}

    keys = {id_: key(run, *files) for id_, run in by_id.items()}
    return cached_each(f"history-{zlib.crc32(name.encode()):08x}", keys, tell)


def _why(state: State) -> str:
    return f"it is {state}" if state.live else f"it is {state}, and was not judged"


def _jobs(history: History, target: str, cluster: str | None) -> list[tuple[Run, Job]]:
    """Runs of the target on that cluster, and what they run. Raises UserError where there are none."""
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
                found.append((run, job))
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
