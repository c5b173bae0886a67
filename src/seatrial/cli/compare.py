"""seatrial compare"""

from __future__ import annotations

import click

from seatrial.cli.completing import complete_run
from seatrial.cli.options import output_format, runs_dir
from seatrial.report import compare
from seatrial.report.summary import summarise
from seatrial.runs import History
from seatrial.verdict import judge


@click.command()
@click.argument("a", shell_complete=complete_run)
@click.argument("b", shell_complete=complete_run)
@runs_dir
@output_format("md")
def command(a: str, b: str, history: History, format_: str) -> None:
    """Two runs side by side, and which differences are more than noise."""
    one, other = (summarise(run, judge(run)) for run in map(history.find, (a, b)))
    formats = {"text": compare.to_text, "md": compare.to_markdown, "json": compare.to_json}
    click.echo(formats[format_](compare.compare(one, other)).rstrip("\n"))
