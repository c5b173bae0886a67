"""seatrial arch lint"""

from __future__ import annotations

import sys
from dataclasses import asdict

import click

from seatrial.cli.arch_options import deployment_argument, deployment_settings, find
from seatrial.cli.findings import print_findings
from seatrial.cli.options import as_json, print_json
from seatrial.findings import exit_code, overall


@click.command()
@deployment_argument
@deployment_settings
@click.option("--offline", is_flag=True, help="Ask nothing of AWS.")
@click.option("-v", "--verbose", is_flag=True, help="Also what is right.")
@as_json
def command(name: str, settings: tuple[str, ...], offline: bool, verbose: bool, as_json: bool) -> None:
    """What is wrong with a deployment and what it needs: its own rules, CloudFormation's, and what AWS says of it.

    Without credentials what only AWS can tell is UNKNOWN.
    """
    from seatrial import architectures, preflight

    deployment = find(name, settings)
    findings = [finding for one in deployment.order() for finding in architectures.lint(one)]
    if not offline:
        findings += preflight.look(deployment)
    if as_json:
        verdict = {"deployment": deployment.name, "verdict": overall(findings)}
        print_json({**verdict, "findings": [asdict(finding) for finding in findings]})
    else:
        print_findings(deployment.name, findings, verbose=verbose)
    sys.exit(exit_code(findings))
