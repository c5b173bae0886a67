"""What is shown while an image is built: on a terminal the step and its last line, otherwise each step. On stderr."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

from seatrial.cli.installing import installing

WIDTH = 110
"""Characters of a line that goes by."""


@contextmanager
def telling(*, quiet: bool) -> Iterator[Callable[[str, str], None]]:
    """What takes the step and the line that a builder is at."""
    live, told = sys.stderr.isatty(), ""
    with installing(quiet=quiet) as show:

        def tell(step: str, line: str) -> None:
            nonlocal told
            if live:
                show("  ".join(filter(None, (step[: WIDTH // 2], line[:WIDTH] if line != step else ""))))
            elif step and step != told:
                told = step
                show(step[:WIDTH])

        yield tell


def say(made: str, then: str) -> None:
    """What was made, and the command that follows."""
    click.echo(f"{made}    {then}")
