"""seatrial observe targets"""

from __future__ import annotations

from pathlib import Path

import click

from seatrial.errors import Problem, UserError


@click.command()
@click.option("--cluster", metavar="NAME", required=True, help="The label cluster of its series.")
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="Write this file anew, if it changed."
)
def command(cluster: str, output: Path | None) -> None:
    """The nodes of this Slurm cluster that there are now, for Prometheus' discovery by file.

    Nodes that are powered down are left out. A timer runs it, so that replaced nodes are found by themselves.
    """
    from seatrial.observe.stack import targets
    from seatrial.runs import replace_text

    try:
        text = targets.file_sd(targets.targets(), cluster)
        if output is None:
            click.echo(text, nl=False)
        elif not output.exists() or output.read_text(encoding="utf-8") != text:
            replace_text(output, text)
            output.chmod(0o644)  # Prometheus has a user of its own
    except (OSError, ValueError) as error:
        # What the file says of before is better than nothing.
        raise UserError(Problem(f"nodes cannot be listed: {error}", "sinfo", "run it where sinfo answers")) from None
