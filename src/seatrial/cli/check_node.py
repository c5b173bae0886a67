"""seatrial check node"""

from __future__ import annotations

import platform
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from seatrial.cli.completing import complete_instance
from seatrial.cli.findings import exit_code, nagios_option, print_findings, print_nagios, record
from seatrial.cli.options import as_json, print_json

if TYPE_CHECKING:
    from seatrial.checks.observations import Level


@click.command()
@click.option(
    "--level",
    type=click.Choice(["quick", "full", "deep"]),
    default="quick",
    show_default=True,
    help="quick: disturbs no job; full: seconds of bandwidth; deep: minutes of stress.",
)
@click.option(
    "--instance",
    metavar="TYPE",
    help="EC2 instance type that the node should be.  [default: what its firmware says]",
    shell_complete=complete_instance,
)
@click.option("--select", metavar="ID", multiple=True, help="Only this rule; patterns such as 'gpu.*' work.")
@click.option("--save", metavar="DIR", type=click.Path(file_okay=False, path_type=Path), help="Keep what was observed.")
@click.option("-v", "--verbose", is_flag=True, help="Also what is right.")
@nagios_option
@as_json
def command(
    level: Level,
    instance: str | None,
    select: tuple[str, ...],
    save: Path | None,
    verbose: bool,
    nagios: bool,
    as_json: bool,
) -> None:
    """Look at this node. What needs root, or a tool that is missing, is UNKNOWN.

    Exit code 0: nothing that keeps a job away; 1: FAIL; 3: not all could be seen.
    """
    from seatrial.checks.catalogue import select_checks
    from seatrial.checks.collecting import collect
    from seatrial.checks.judging import judge
    from seatrial.checks.profile import Profile, detect

    profile = Profile.of(instance) if instance else detect()
    checks = select_checks(level, select)
    observations = collect({check.source.kind: check.source for check in checks}.values(), profile)
    if save:
        from seatrial.checks.evidence import keep

        observations = keep(observations, save)
    findings = judge(checks, observations, profile)
    about = f"{platform.node()}, {profile.name or 'of no known type'}, {level}"
    if as_json:
        print_json({**record(platform.node(), findings), "instance": profile.name, "level": level})
    elif nagios:
        print_nagios(about, findings)
    else:
        print_findings(about, findings, verbose=verbose)
    sys.exit(exit_code(findings, nagios=nagios))
