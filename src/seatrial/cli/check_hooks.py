"""seatrial check hooks"""

from __future__ import annotations

from pathlib import Path

import click

from seatrial.cli.completing import complete_cluster
from seatrial.cli.options import as_json, print_json


@click.command()
@click.option("--on", "cluster", required=True, metavar="CLUSTER", shell_complete=complete_cluster)
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Write the files into this new folder.")
@as_json
def command(cluster: str, output: Path | None, as_json: bool) -> None:
    """The files by which a cluster checks its nodes itself, and where they go. Nothing is put in place.

    Slurm: prolog, epilog, health check, sweep. Kubernetes: an agent on every node, an init container, a deep check.
    Batch: a step before the job's own.
    """
    from seatrial import config
    from seatrial.guarding import hooks

    where = config.cluster(cluster)
    plan = hooks(where)
    written = plan.write(output) if output else []
    if as_json:
        commands = [{"title": c.title, "argv": c.argv, "env": dict(c.env)} for c in plan.commands]
        print_json({"state": "RENDERED", "files": dict(plan.files), "commands": commands, "written": written})
    elif output:
        click.echo(f"RENDERED hooks of {where.name}: {len(written)} files in {output}")
    else:
        click.echo(plan.text(), nl=False)
        click.echo(f"RENDERED hooks of {where.name}: nothing was put in place", err=True)
