"""seatrial report"""

from __future__ import annotations

import click

from seatrial import report
from seatrial.cli.options import find_run, run_argument, runs_dir
from seatrial.cli.outcome import judge_and_keep
from seatrial.runs import History


@click.command()
@run_argument
@runs_dir
@click.option("--format", "format_", type=click.Choice(report.FORMATS), default="text", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
def command(name: str, history: History, format_: str, as_json: bool) -> None:
    """A run's verdict and figures, as a page or as text. The page is also written into the run's folder."""
    run = find_run(history, name, logs=True)
    findings = judge_and_keep(run)
    click.echo(report.render(run, findings, "json" if as_json else format_).rstrip("\n"))
    if run.report_path.exists():
        click.echo(f"page: {run.report_path}", err=True)
