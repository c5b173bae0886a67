"""The dry run of a job: its plan on the screen or in a folder, what it costs, nothing started."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from seatrial.cli.options import print_json, say_notes

if TYPE_CHECKING:
    from seatrial.cluster import Cluster
    from seatrial.expected import Expected
    from seatrial.job import Job
    from seatrial.prices import RunCost


def show(
    job: Job,
    where: Cluster,
    name: str,
    known: Expected | None,
    *,
    output: Path | None = None,
    priced: bool = False,
    as_json: bool,
) -> None:
    """Show a job's plan, or write it: RENDERED, never PASSED; and what is `known` of the job before it starts.

    `priced`: say also why its cost is not known.
    """
    from seatrial import launchers

    say_notes(job)
    launcher = launchers.find(where.launcher)
    plan = launcher.render(job, where, name)
    written = plan.write(output) if output else []
    cost = _cost(job, where, priced=priced)
    if as_json:
        commands = [{"title": c.title, "argv": c.argv, "env": dict(c.env)} for c in plan.commands]
        rendered = {"state": "RENDERED", "files": dict(plan.files), "commands": commands}
        expects = {"expected": asdict(known)} if known else {}
        costs = {"cost": asdict(cost) | {"hourly": cost.hourly}} if cost else {}
        print_json({**rendered, **expects, **costs, "secrets": job.secrets, "written": written})
    elif output:
        click.echo(f"RENDERED {job.label} on {where.name}: {len(written)} files in {output}")
    else:
        click.echo(plan.text(), nl=False)
        click.echo(f"RENDERED {job.label} on {where.name}: nothing was started", err=True)
    if known and (told := _told(known)):
        click.echo(f"expects {told}; seatrial forecast says what of, and whether it fits", err=True)
    if cost:
        click.echo(f"costs {cost}", err=True)
    if job.secrets:
        whose = "the environment" if launcher.takes_secrets else "a secret of the cluster"
        click.echo(f"needs {', '.join(job.secrets)} when it runs, from {whose}", err=True)


def _told(known: Expected) -> str:
    """``194K (174K to 218K) tokens/s, a peak of 52.1 GiB on a GPU``: as far as it is known."""
    from seatrial.report.format import bytes_, quantity

    parts = []
    if found := known.rate:
        parts.append(f"{quantity(found.expected)} ({quantity(found.low)} to {quantity(found.high)}) tokens/s")
    if known.memory:
        parts.append(f"a peak of {bytes_(known.memory.expected)} on a GPU")
    return ", ".join(parts)


def _cost(job: Job, where: Cluster, *, priced: bool) -> RunCost | None:
    """What the job's nodes cost an hour; None: they are no instances, or nobody asked where no region is known."""
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    if where.instance_type is None or not (priced or region or getattr(where.options, "region", None)):
        return None
    from seatrial.prices import run_cost

    return run_cost(where, job.nodes, region=region)
