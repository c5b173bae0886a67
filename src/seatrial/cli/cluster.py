"""seatrial cluster list, show, check, init"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import click

from seatrial import config
from seatrial.cli.completing import complete_cluster
from seatrial.cli.options import VERDICT_COLORS, as_json, print_json
from seatrial.cli.tables import print_table
from seatrial.cluster import Cluster, Mount, Software
from seatrial.errors import ExitCode
from seatrial.findings import Finding, Verdict, exit_code, overall
from seatrial.hardware import instances

COMPUTED = {
    "name": "What --on takes.",
    "memory_per_node": "Bytes of a node's own memory.",
    "accelerators_per_node": "Devices that a framework sees on one node.",
}
"""Meanings of what no key of seatrial.toml gives."""


@click.group()
def command() -> None:
    """The clusters there are: this machine, and those of seatrial.toml.

    The file is $SEATRIAL_CONFIG, or seatrial.toml in this folder or the nearest one above, or
    ~/.config/seatrial/seatrial.toml.
    """


@command.command("list")
@as_json
def list_(as_json: bool) -> None:
    """All clusters."""
    rows = [
        {
            "name": cluster.name,
            "launcher": cluster.launcher,
            "nodes": cluster.nodes,
            "instance_type": cluster.instance_type,
            "accelerators": _accelerators(cluster),
            "options": _changed_options(cluster),
        }
        for cluster in config.clusters().values()
    ]
    if as_json:
        print_json(rows)
        return
    header = ("NAME", "LAUNCHER", "NODES", "INSTANCE TYPE", "ACCELERATORS", "OPTIONS")
    print_table(header, [[_text(value) for value in row.values()] for row in rows])


@command.command()
@click.argument("name", shell_complete=complete_cluster)
@as_json
def show(name: str, as_json: bool) -> None:
    """A cluster in full: every value with its meaning."""
    cluster = config.cluster(name)
    if as_json:
        print_json({**asdict(cluster), "accelerators": _accelerators(cluster)})
        return
    from seatrial.config.describe import keys
    from seatrial.config.tables import ClusterTable

    meanings = COMPUTED | {key.name: key.meaning for key in keys(ClusterTable)}
    values = {f.name: getattr(cluster, f.name) for f in fields(cluster) if f.name != "options"}
    values["accelerators_per_node"] = _accelerators(cluster)
    print_table(("KEY", "VALUE", "MEANING"), [(key, _text(value), meanings[key]) for key, value in values.items()])
    if cluster.options is not None:
        click.echo("\nOptions of the launcher, changed with --option KEY=VALUE:\n")
        options = [(k.name, _text(getattr(cluster.options, k.name)), k.meaning) for k in keys(type(cluster.options))]
        print_table(("KEY", "VALUE", "MEANING"), options)


@command.command()
@click.argument("names", nargs=-1, metavar="[NAME]...", shell_complete=complete_cluster)
@as_json
def check(names: Sequence[str], as_json: bool) -> None:
    """Look at clusters, by default all, without starting anything. Exit code 1: something is wrong; 3: not all could
    be seen."""
    chosen = [config.cluster(name) for name in names] or list(config.clusters().values())
    found = {cluster.name: config.check(cluster) for cluster in chosen}
    if as_json:
        print_json(
            [
                {"cluster": name, "verdict": overall(findings), "findings": [asdict(finding) for finding in findings]}
                for name, findings in found.items()
            ]
        )
    else:
        for name, findings in found.items():
            _print_findings(name, findings)
    codes = {exit_code(findings) for findings in found.values()}
    sys.exit(next((code for code in (ExitCode.FAILED, ExitCode.UNKNOWN) if code in codes), ExitCode.PASSED))


@command.command()
@click.option("--launcher", "launchers", multiple=True, metavar="NAME", help="Only an example of it.  [default: all]")
@click.option("--output", type=click.Path(path_type=Path), default=Path(config.FILE), show_default=True)
@as_json
def init(launchers: Sequence[str], output: Path, as_json: bool) -> None:
    """Write a first seatrial.toml, and the schema by which editors complete it. Overwrites nothing."""
    from seatrial.config.init import init

    written = init(output, launchers)
    if as_json:
        print_json({"written": written})
    else:
        click.echo("\n".join(f"wrote {path}" for path in written))


def _print_findings(name: str, findings: Iterable[Finding]) -> None:
    click.echo(click.style(name, bold=True))
    for finding in findings:
        mark = click.style(finding.verdict.ljust(7), fg=VERDICT_COLORS.get(finding.verdict))
        click.echo(f"  {mark} {finding.check.ljust(24)} {finding.observed}")
        if finding.remedy and finding.verdict not in (Verdict.PASS, Verdict.SKIP):
            click.echo(f"          {finding.evidence}{': ' if finding.evidence else ''}{finding.remedy}")


def _accelerators(cluster: Cluster) -> str | None:
    """``8 x H100 SXM``; with the ranks they take where that is another number."""
    if not cluster.accelerators_per_node:
        return None
    if cluster.instance_type is None:
        return str(cluster.accelerators_per_node)
    instance = instances.instance(cluster.instance_type)
    ranks = f" ({instance.ranks} devices)" if instance.ranks != instance.accelerators else ""
    return f"{instance.accelerators} x {instance.accelerator}{ranks}"


def _changed_options(cluster: Cluster) -> dict[str, Any]:
    """Options that are not the launcher's defaults: how the cluster is reached is among them."""
    if cluster.options is None:
        return {}
    default = asdict(type(cluster.options)())
    return {key: value for key, value in asdict(cluster.options).items() if value != default[key]}


def _text(value: Any) -> str:
    if value is None or value in ((), {}):
        return "-"
    if isinstance(value, dict):
        return ", ".join(f"{key}={_text(inner)}" for key, inner in value.items())
    if isinstance(value, tuple | list):
        return ", ".join(map(_text, value))
    if isinstance(value, Software):
        return " ".join(filter(None, (value.image, value.python)))
    if isinstance(value, Mount):
        return f"{value.source}:{value.target}{':ro' if value.read_only else ''}"
    return str(value).lower() if isinstance(value, bool) else str(value)
