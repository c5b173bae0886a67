"""seatrial report"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

import click

from seatrial import report
from seatrial.cli.options import find_run, run_argument, runs_dir
from seatrial.errors import Problem, UserError

# What the verb needs is imported when it runs: a shell that completes its arguments waits for this file.
if TYPE_CHECKING:
    from seatrial.findings import Finding
    from seatrial.history import History
    from seatrial.runs import Run


@click.command()
@run_argument
@runs_dir
@click.option("--format", "format_", type=click.Choice(report.FORMATS), default="text", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.option("--open", "opens", is_flag=True, help="Show the page in a browser instead of printing.")
@click.option("--serve", is_flag=True, help="Serve pages of all runs on this machine's loopback, until Ctrl-C.")
@click.pass_context
def command(
    ctx: click.Context, name: str, history: History, format_: str, as_json: bool, opens: bool, serve: bool
) -> None:
    """A run's verdict and figures, as a page or as text. The page is also written into the run's folder.

    For a run that failed the reason comes first. With --serve: an index of all runs with filters, their pages, and any
    of them side by side; nothing is written.
    """
    from seatrial.cli.outcome import judge_and_keep, links

    if serve:
        _serve(ctx, history, opens=opens)
        return
    run = find_run(history, name, logs=True)
    findings = judge_and_keep(run)
    if opens:
        _open(run.report_path if run.report_path.is_file() else _elsewhere(run, findings))
        return
    click.echo(report.render(run, findings, "json" if as_json else format_, links(run)).rstrip("\n"))
    if run.report_path.exists():
        click.echo(f"page: {run.report_path}", err=True)


def _elsewhere(run: Run, findings: list[Finding]) -> Path:
    """The page, where the run's folder takes none."""
    import tempfile

    from seatrial.cli.outcome import links

    path = Path(tempfile.mkdtemp(prefix="seatrial-")) / "report.html"
    path.write_text(report.render(run, findings, "html", links(run)), encoding="utf-8")
    return path


def _open(page: Path) -> None:
    import webbrowser

    if not webbrowser.open(page.resolve().as_uri()):
        raise UserError(Problem("no browser could be started", "--open", f"open it yourself: {page}"))
    click.echo(f"page: {page}", err=True)


def _serve(ctx: click.Context, history: History, *, opens: bool) -> None:
    import webbrowser

    from click.core import ParameterSource

    from seatrial.cli.outcome import links
    from seatrial.report.serve import server

    given = [o for o in ("name", "format_", "as_json") if ctx.get_parameter_source(o) is ParameterSource.COMMANDLINE]
    if given:
        raise UserError(Problem("serves all runs, as pages", "--serve", "leave out RUN, --format and --json"))
    if not history.root.is_dir():
        raise UserError(Problem(f"there is no folder {history.root}", "--runs-dir", "name the folder of the runs"))
    with server(history.root, links) as running:
        address = f"http://127.0.0.1:{running.server_port}/"
        click.echo(f"{address}  (Ctrl-C ends it)")
        if opens:
            webbrowser.open(address)
        with contextlib.suppress(KeyboardInterrupt):
            running.serve_forever()
