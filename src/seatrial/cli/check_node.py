"""seatrial check node"""

from __future__ import annotations

import platform
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from seatrial.cli.completing import complete_instance
from seatrial.cli.findings import code_of, nagios_option, print_findings, print_nagios, record
from seatrial.cli.options import as_json, print_json
from seatrial.errors import ExitCode, Problem, UserError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seatrial.checks.catalogue import Check
    from seatrial.checks.observations import Level
    from seatrial.checks.quarantine import Step
    from seatrial.findings import Finding


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
@click.option(
    "--from",
    "from_",
    metavar="DIR",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Judge what --save has kept there, instead of looking.",
)
@click.option("-v", "--verbose", is_flag=True, help="Also what is right.")
@click.option(
    "--guard",
    metavar="LAUNCHER",
    help="Let the scheduler follow: a sick node gets no jobs until a check of the same level passes.",
)
@nagios_option
@as_json
def command(
    level: Level,
    instance: str | None,
    select: tuple[str, ...],
    save: Path | None,
    from_: Path | None,
    verbose: bool,
    guard: str | None,
    nagios: bool,
    as_json: bool,
) -> None:
    """Look at this node. What needs root, or a tool that is missing, is UNKNOWN.

    Exit code 0: PASS or WARN; 1: FAIL; 3: not all could be seen. With --guard 1: the node is quarantined; else 0.
    """
    if guard and select:
        raise UserError(Problem("a part of a check decides about no node", "--select", "leave it out, or --guard"))
    from seatrial.checks.catalogue import select_checks
    from seatrial.checks.collecting import collect
    from seatrial.checks.evidence import keep, kept
    from seatrial.checks.judging import judge
    from seatrial.checks.node import kernel_cursor
    from seatrial.checks.profile import Profile, detect
    from seatrial.checks.quarantine import Step

    profile = Profile.of(instance) if instance else detect()
    checks = select_checks(level, select)
    if guard and not from_:  # it runs every few minutes, and what it acted on is not to be acted on again
        checks = kernel_cursor.once(checks, kernel_cursor.recall(kernel_cursor.STATE, kernel_cursor.boot_id()))
    asked = {check.source.kind: check.source for check in checks}.values()
    observations = kept(from_) if from_ else collect(asked, profile)
    if save:
        observations = keep(observations, save)
    findings = judge(checks, observations, profile)
    if not (from_ or select):
        _keep(findings, level, [folder for folder in (save, kernel_cursor.STATE if guard else None) if folder])
    about = f"{platform.node()}, {profile.name or 'of no known type'}, {level}"
    if as_json:
        print_json({**record(platform.node(), findings), "instance": profile.name, "level": level})
    elif nagios:
        print_nagios(about, findings)
    else:
        print_findings(about, findings, verbose=verbose)
    if guard:
        done = _guarded(guard, checks, findings, level)
        if done is not Step.HOLD and not from_:
            kernel_cursor.acted_on(observations)
        sys.exit(ExitCode.FAILED if done in (Step.QUARANTINE, Step.KEEP) else ExitCode.PASSED)
    sys.exit(code_of(findings, nagios=nagios))


def _keep(findings: Sequence[Finding], level: Level, folders: Sequence[Path]) -> None:
    """For `seatrial observe export`, which tells what the newest check of a node found."""
    from seatrial.checks import last

    for folder in folders:
        try:
            last.keep(platform.node(), level, findings, folder)
        except OSError as error:  # the check counts, with or without
            click.echo(f"{folder}: {error.strerror}", err=True)


def _guarded(launcher: str, checks: Sequence[Check], findings: Sequence[Finding], level: Level) -> Step:
    from seatrial import guarding
    from seatrial.checks.quarantine import SHARE, Step

    done, mark = guarding.act(guarding.on_node(launcher), checks, findings, level)
    said = {
        Step.QUARANTINE: f"quarantined: {mark}",
        Step.KEEP: f"stays quarantined: {mark}",
        Step.RELEASE: "released",
        Step.HOLD: f"not quarantined, since {SHARE:.0%} of the cluster is already; it ought to be: {mark}",
    }.get(done)
    if said:
        click.echo(said, err=True)
    return done
