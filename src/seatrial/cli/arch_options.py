"""What the verbs of seatrial arch have in common."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import click

from seatrial.cli.completing import complete_deployment, complete_parameter
from seatrial.cli.options import F, parse_settings

if TYPE_CHECKING:
    from seatrial.architectures import Deployment

deployment_argument: Callable[[F], F] = click.argument("name", metavar="NAME", shell_complete=complete_deployment)


def deployment_settings(function: F) -> F:
    """``--set KEY=VALUE`` of a deployment, or ``--set OTHER.KEY=VALUE`` of one that it needs."""
    return click.option(
        "--set",
        "settings",
        metavar="[OTHER.]KEY=VALUE",
        multiple=True,
        help="Change a parameter, of it or of a deployment that it needs; see params.",
        shell_complete=complete_parameter,
    )(function)


def find(name: str, settings: Sequence[str]) -> Deployment:
    """The deployment that is asked for. Raises UserError with everything that is wrong with it."""
    from seatrial.config.deployments import deployment

    return deployment(name, parse_settings(settings))
