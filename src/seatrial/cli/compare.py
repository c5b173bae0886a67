"""seatrial compare"""

from __future__ import annotations

import click

from seatrial.cli.options import as_json, complete_run, runs_dir
from seatrial.report import compare
from seatrial.report.summary import summarise
from seatrial.runs import History
from seatrial.verdict import judge


@click.command()
@click.argument("a", shell_complete=complete_run)
@click.argument("b", shell_complete=complete_run)
@runs_dir
@click.option("--format", "format_", type=click.Choice(["text", "md", "json"]), default="text", show_default=True)
@as_json
def command(a: str, b: str, history: History, format_: str, as_json: bool) -> None:
    """Two runs side by side, and which differences are more than noise."""
    one, other = (summarise(run, judge(run)) for run in map(history.find, (a, b)))
    formats = {"text": compare.to_text, "md": compare.to_markdown, "json": compare.to_json}
    click.echo(formats["json" if as_json else format_](compare.compare(one, other)).rstrip("\n"))
