"""The shell scripts of this package, as templates."""

from __future__ import annotations

import shlex
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jinja2 import Environment, Template


def template(name: str) -> Template:
    """The template of that file. A name that it is not given is an error."""
    return _environment().get_template(name)


@cache
def _environment() -> Environment:
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("seatrial.launchers.slurm", "."),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    # A line break in a comment would be a command.
    environment.filters |= {"quote": shlex.quote, "comment": lambda text: " ".join(text.split())}
    return environment
