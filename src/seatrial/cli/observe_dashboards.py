"""seatrial observe dashboards"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from seatrial.cli.tables import print_table
from seatrial.errors import Problem, UserError


def _complete(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[Any]:
    from seatrial.observe.dashboards import DASHBOARDS

    return [name for name in DASHBOARDS if name.startswith(incomplete)]


@click.command()
@click.argument("names", metavar="[NAME]...", nargs=-1, shell_complete=_complete)
@click.option(
    "-o",
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Write seatrial-NAME.json there, over what is there of that name; without names: all.",
)
@click.option(
    "--runbooks",
    metavar="URL",
    default="",
    help="Where docs/alerts.md can be read: firing alerts lead there.  [default: observe.runbooks of seatrial.toml]",
)
def command(names: tuple[str, ...], output: Path | None, runbooks: str) -> None:
    """Dashboards for Grafana: list them, print the JSON of some, or write files.

    Grafana imports a file, or reads the folder by its provisioning.
    """
    from seatrial import config
    from seatrial.observe.dashboards import DASHBOARDS, find, render

    if output is None and not names:
        rows = [[board.name, str(len(board.panels)), board.title, board.about] for board in find(DASHBOARDS)]
        print_table(("NAME", "PANELS", "TITLE", "WHAT IT SHOWS"), rows, optional=("PANELS", "TITLE"))
        return
    files = render(names or DASHBOARDS, runbooks or config.observe()["runbooks"] or "")
    if output is None:
        click.echo("".join(files.values()), nl=False)
        return
    try:
        output.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (output / name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise UserError(Problem(str(error), "--output", "name a folder where you may write")) from error
    click.echo(f"{len(files)} dashboards in {output}")
