"""seatrial compare"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from seatrial.cli.completing import complete_run
from seatrial.cli.options import output_format, runs_dir
from seatrial.errors import Problem, UserError
from seatrial.masking import mask_forms

# What the verb needs is imported when it runs: a shell that completes its arguments waits for this file.
if TYPE_CHECKING:
    from seatrial.history import History


@click.command()
@click.argument("names", metavar="RUN...", nargs=-1, required=True, shell_complete=complete_run)
@click.option(
    "--baseline",
    metavar="RUN",
    help="Compare with this run; exit with 1 if another is worse by more than noise, with 3 if it cannot be told.",
    shell_complete=complete_run,
)
@runs_dir
@output_format("html", "md")
def command(names: tuple[str, ...], baseline: str | None, history: History, format_: str) -> None:
    """Runs side by side, and which differences are more than noise. The first is what the others are compared with.

    What --baseline judges: throughput, step time, and the loss at the end of the steps that both runs logged; and that
    the run did as many steps, and passed its checks, as the baseline did. Where three or more other runs of the same
    configuration are in the folder, noise is also what moves a figure from run to run.
    """
    from seatrial.report import compare
    from seatrial.report.gate import exit_code, gate
    from seatrial.report.peers import peers_of
    from seatrial.report.summary import summarise
    from seatrial.verdict import judge

    if baseline is None and len(names) < 2:
        raise UserError(Problem("there is one run only", "RUN...", "name two or more, or a --baseline"))
    chosen = [baseline, *names] if baseline is not None else names
    first, *others = (summarise(run, judge(run)) for run in map(history.find, chosen))
    peers = peers_of([history.find(name) for name in chosen], history.runs)
    gates = [gate(first, other, peers) for other in others] if baseline is not None else []
    if format_ == "html":
        from seatrial.report.comparison_page import to_html

        text = to_html([first, *others], gates, peers)
    else:
        formats = {"text": compare.to_text, "md": compare.to_markdown, "json": compare.to_json}
        text = formats[format_](compare.compare(first, *others, peers=peers), gates)
    click.echo(mask_forms(text).rstrip("\n"))
    sys.exit(exit_code(gates))
