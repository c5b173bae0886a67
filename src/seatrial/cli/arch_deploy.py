"""seatrial arch deploy"""

from __future__ import annotations

import sys
from dataclasses import asdict

import click

from seatrial.cli.arch_deploying import agreed, hand_over, teller
from seatrial.cli.arch_options import deployment_argument, deployment_settings, find
from seatrial.cli.findings import print_findings
from seatrial.cli.options import as_json, pasteable, print_json
from seatrial.errors import ExitCode
from seatrial.findings import Verdict


@click.command()
@deployment_argument
@deployment_settings
@click.option("--yes", is_flag=True, help="Ask nothing, unless data may be lost.")
@as_json
def command(name: str, settings: tuple[str, ...], yes: bool, as_json: bool) -> None:
    """Make a deployment and what it needs, or change what is there: every change is shown before it is made.

    Interrupted at any point, the same command goes on. Its clusters are written into seatrial.toml.
    """
    from seatrial import deploying, preflight

    deployment = find(name, settings)
    findings = preflight.look(deployment)
    failed = [finding for finding in findings if finding.verdict is Verdict.FAIL]
    if not as_json:
        print_findings(deployment.name, findings)
    if failed:
        if as_json:
            print_json({"deployment": name, "deployed": False, "findings": [asdict(finding) for finding in failed]})
        click.echo("nothing was changed", err=True)
        sys.exit(ExitCode.USAGE)
    done = deploying.deploy(deployment, teller(quiet=as_json), agreed(yes=yes, quiet=as_json))
    clusters = hand_over([deployment], replace=False, quiet=as_json) if done else {}
    if as_json:
        outputs = deploying.outputs(deployment) if done else {}
        print_json({"deployment": name, "deployed": done, "outputs": outputs, "clusters": clusters})
    elif done:
        cost = pasteable("arch", "show", name, "--cost")
        on = next(iter(clusters), None)
        click.echo(f"deployed {deployment.stack}    {f'seatrial cluster check {on}' if on else cost}")
    else:
        click.echo("nothing more was changed")
    sys.exit(ExitCode.PASSED if done else ExitCode.INTERRUPTED)
