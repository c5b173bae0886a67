"""seatrial observe render"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from seatrial.cli.observe_options import machine_options, on, rules_options
from seatrial.cli.options import as_json, print_json
from seatrial.errors import Problem, UserError

if TYPE_CHECKING:
    from seatrial.observe.rules import Rules
    from seatrial.observe.stack.local import Machine
    from seatrial.observe.stack.nodes import Choice
    from seatrial.plan import Plan


@click.command()
@on
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Write the files into this new folder.")
@click.option("--remote-write", metavar="URL", default="", help="Of a cluster: where samples go as well, or only.")
@click.option("--agent", is_flag=True, help="With --remote-write: keep nothing, evaluate no rules here.")
@click.option("--ec2-tag", metavar="KEY=VALUE", help="Find nodes of a Slurm cluster by a tag of their instances.")
@click.option("--region", default="", help="Of these instances.")
@click.option("--slurm-metrics", is_flag=True, help="Slurm 25.11: ask its own OpenMetrics instead of our collector.")
@rules_options
@machine_options
@as_json
def command(
    cluster: str,
    output: Path | None,
    remote_write: str,
    agent: bool,
    ec2_tag: str | None,
    region: str,
    slurm_metrics: bool,
    rules: Rules,
    machine: Machine,
    as_json: bool,
) -> None:
    """The dry run: configuration, units or manifests, rules and dashboards, and where they go. Nothing is put in place.

    This machine: what `seatrial observe up` starts. Slurm: units for nodes and head node. Kubernetes: manifests for the
    Prometheus operator. With a workspace of Amazon Managed Service for Prometheus as URL, requests are signed.
    """
    from seatrial.observe.stack import local
    from seatrial.observe.stack.nodes import Choice
    from seatrial.observe.stack.scraping import check_url

    about = {
        "--remote-write": remote_write,
        "--agent": agent,
        "--ec2-tag": ec2_tag,
        "--region": region,
        "--slurm-metrics": slurm_metrics,
    }
    given = [option for option, value in about.items() if value]
    if remote_write:
        check_url(remote_write, "--remote-write")
    elif agent:
        raise UserError(Problem("an agent keeps nothing itself", "--agent", "give --remote-write URL, too"))
    choice = Choice(
        every=machine.every,
        ec2_tag=_tag(ec2_tag, region) if ec2_tag else None,
        region=region,
        remote_write=remote_write,
        agent=agent,
        slurm_metrics=slurm_metrics,
        webhook=machine.webhook,
    )
    if cluster == "local":
        _only_of_slurm(given, cluster)
    plan = local.render(machine, rules) if cluster == "local" else _of_cluster(cluster, rules, choice, given)
    written = plan.write(output) if output else []
    if as_json:
        commands = [{"title": c.title, "argv": c.argv, "env": dict(c.env)} for c in plan.commands]
        print_json({"state": "RENDERED", "files": dict(plan.files), "commands": commands, "written": written})
    elif output:
        click.echo(f"RENDERED what looks at {cluster}: {len(written)} files in {output}")
    else:
        click.echo(plan.text(), nl=False)
        click.echo(f"RENDERED what looks at {cluster}: nothing was put in place", err=True)


def _of_cluster(name: str, rules: Rules, choice: Choice, given: list[str]) -> Plan:
    from seatrial import config
    from seatrial.observe.stack import kubernetes, slurm

    cluster = config.cluster(name)
    if cluster.launcher == "slurm":
        return slurm.render(cluster, rules, choice)
    if cluster.launcher == "kubernetes":
        _only_of_slurm(given, name)
        return kubernetes.render(cluster, rules, choice)
    remedy = "choose local, or a cluster of Slurm or Kubernetes"
    raise UserError(Problem(f"nodes of {cluster.launcher} do not stay to be looked at", f"--on {name}", remedy))


def _only_of_slurm(given: list[str], name: str) -> None:
    """Raises UserError for options that would change nothing."""
    if given:
        remedy = "leave it out, or choose a cluster of Slurm by --on"
        raise UserError(Problem(f"{name} is no cluster of Slurm", option, remedy) for option in given)


def _tag(text: str, region: str) -> tuple[str, str]:
    if not region:
        raise UserError(Problem("needs the region of the instances", "--ec2-tag", "give --region, too"))
    key, equals, value = text.rpartition("=")
    if not equals or not key or not value:
        raise UserError(Problem(f"{text!r} is not KEY=VALUE", "--ec2-tag", "parallelcluster:cluster-name=NAME"))
    return key, value
