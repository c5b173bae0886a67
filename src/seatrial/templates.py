"""Templates of what is rendered for other programs: shell scripts, Dockerfiles, Packer's files."""

from __future__ import annotations

import shlex
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jinja2 import Environment, Template


def template(package: str, name: str) -> Template:
    """The template of that file, which lies beside the package's code. A name that it is not given is an error."""
    return _environment(package).get_template(name)


@cache
def _environment(package: str) -> Environment:
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader(package, "."),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    # A line break in a comment would be a command.
    environment.filters |= {"quote": shlex.quote, "comment": lambda text: " ".join(text.split())}
    return environment
