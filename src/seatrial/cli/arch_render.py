"""seatrial arch render"""

from __future__ import annotations

from pathlib import Path

import click

from seatrial.cli.arch_options import deployment_argument, deployment_settings, find
from seatrial.cli.options import as_json, print_json


@click.command()
@deployment_argument
@deployment_settings
@click.option("--all", "everything", is_flag=True, help="Also what it needs, in the order of deployment.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Write the plan into this new folder.")
@as_json
def command(name: str, settings: tuple[str, ...], everything: bool, output: Path | None, as_json: bool) -> None:
    """The dry run: show or write its templates, touch nothing. No credentials are needed.

    What is installed once the stack stands is shown below install/; what only the stack knows is {Name} of its output.
    """
    from seatrial.plan import Plan, below

    deployment = find(name, settings)
    wanted = deployment.order() if everything else [deployment]
    plans = [plan for one in wanted for plan in (one.render(), below(one.installs(), f"install/{one.name}"))]
    files = {path: text for plan in plans for path, text in plan.files.items()}
    plan = Plan(files=files, commands=tuple(command for plan in plans for command in plan.commands))
    written = plan.write(output) if output else []
    if as_json:
        commands = [{"title": c.title, "argv": c.argv, "env": dict(c.env)} for c in plan.commands]
        print_json({"state": "RENDERED", "files": files, "commands": commands, "written": written})
    elif output:
        click.echo(f"RENDERED {deployment.name}: {len(written)} files in {output}")
    else:
        click.echo(plan.text(), nl=False)
        click.echo(f"RENDERED {deployment.name}: nothing was deployed", err=True)
