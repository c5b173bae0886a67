"""seatrial runs"""

from __future__ import annotations

from datetime import datetime

import click

from seatrial import tracking
from seatrial.cli.options import as_json, print_json, print_table, runs_dir, warn_unseen
from seatrial.errors import UserError
from seatrial.findings import overall
from seatrial.runs import History, Run


@click.command()
@runs_dir
@as_json
def command(history: History, as_json: bool) -> None:
    """The runs there have been, oldest first."""
    warn_unseen(tracking.refresh(history.runs))
    rows = [_row(run) for run in history.runs]
    if as_json:
        print_json(rows)
    elif not rows:
        click.echo(f"no runs in {history.root}; start one with: seatrial run fsdp")
    else:
        print_table([key.upper() for key in rows[0]], [list(row.values()) for row in rows])


def _row(run: Run) -> dict[str, str]:
    log = run.events()
    steps = log.steps()
    try:
        label, on = run.job.label, run.job.cluster
    except UserError:
        label, on = "unreadable", "-"
    started = datetime.fromtimestamp(run.started()).astimezone()
    return {
        "run": run.id,
        "job": label,
        "on": on,
        "started": started.strftime("%Y-%m-%d %H:%M:%S"),
        "state": run.state().value,
        "steps": str(steps[-1].step) if steps else "0",
        "verdict": overall(run.findings()).value if run.findings() else "-",
    }
