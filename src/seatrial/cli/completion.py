"""seatrial completion"""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> None:
    """The script that completes this command in your shell: eval "$(seatrial completion bash)"."""
    from seatrial.cli import cli, shells

    assert shells  # they register themselves
    completer = get_completion_class(shell)
    assert completer is not None  # the choices above are click's own
    click.echo(completer(cli, {}, "seatrial", "_SEATRIAL_COMPLETE").source())
