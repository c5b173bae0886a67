"""seatrial observe check"""

from __future__ import annotations

from pathlib import Path

import click

from seatrial.errors import Problem, UserError


@click.command()
@click.argument(
    "files", metavar="FILE...", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
def command(files: tuple[Path, ...]) -> None:
    """Can your dashboards and rule files give data: does somebody emit each metric and label that they name?

    Together they are judged as one: what a rule records, the others may use.
    """
    from seatrial.observe import checking

    texts, problems = {}, []
    for file in files:
        try:
            texts[str(file)] = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            problems.append(Problem(f"cannot be read: {error}", str(file), "give a text file that you may read"))
    checked = checking.check(texts)
    if problems := [*problems, *checked.problems]:
        raise UserError(problems)
    click.echo(f"{checked.queries} queries in {len(texts)} files: each metric and label is one that somebody emits")
