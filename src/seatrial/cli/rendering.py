"""The dry run of a job: its plan on the screen or in a folder, what it costs, nothing started."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from seatrial.cli.options import print_json, say_notes

if TYPE_CHECKING:
    from seatrial.spec import Cluster, Job


def show(
    job: Job, where: Cluster, name: str, *, output: Path | None = None, priced: bool = False, as_json: bool
) -> None:
    """Show a job's plan, or write it: RENDERED, never PASSED. `priced`: say also why its cost is not known."""
    from seatrial import launchers
    from seatrial.prices import run_cost

    say_notes(job)
    launcher = launchers.find(where.launcher)
    plan = launcher.render(job, where, name)
    written = plan.write(output) if output else []
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    cost = run_cost(where, job.nodes, region=region) if where.instance_type else None
    if as_json:
        commands = [{"title": c.title, "argv": c.argv, "env": dict(c.env)} for c in plan.commands]
        rendered = {"state": "RENDERED", "files": dict(plan.files), "commands": commands}
        costs = {"cost": asdict(cost) | {"hourly": cost.hourly}} if cost else {}
        print_json({**rendered, **costs, "secrets": job.secrets, "written": written})
    elif output:
        click.echo(f"RENDERED {job.label} on {where.name}: {len(written)} files in {output}")
    else:
        click.echo(plan.text(), nl=False)
        click.echo(f"RENDERED {job.label} on {where.name}: nothing was started", err=True)
    if cost and (priced or cost.price):
        click.echo(f"costs {cost}", err=True)
    if job.secrets:
        whose = "the environment" if launcher.takes_secrets else "a secret of the cluster"
        click.echo(f"needs {', '.join(job.secrets)} when it runs, from {whose}", err=True)
