"""seatrial render"""

from __future__ import annotations

from pathlib import Path

import click

from seatrial.cli.options import (
    as_json,
    parse_profile,
    parse_settings,
    print_json,
    say_notes,
    scale,
    target_argument,
)


@click.command()
@target_argument
@scale
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Write the plan into this new folder.")
@as_json
def command(
    target: str,
    cluster: str | None,
    options: tuple[str, ...],
    expect: tuple[str, ...],
    settings: tuple[str, ...],
    nodes: int | None,
    processes: int | None,
    profile: str | None,
    output: Path | None,
    as_json: bool,
) -> None:
    """The dry run: show or write the plan, start nothing. Its verdict is RENDERED, never PASSED."""
    from seatrial import catalog, config, launchers
    from seatrial.binding import bind

    case, recipe = catalog.recipe(target)
    where = config.with_options(config.cluster(cluster or launchers.HERE), options)
    job = bind(
        case,
        recipe,
        where,
        settings=parse_settings(settings),
        nodes=nodes,
        processes_per_node=processes,
        expect=expect,
        profile=parse_profile(profile),
    )
    say_notes(job)
    launcher = launchers.find(where.launcher)
    plan = launcher.render(job, where, f"{case.name}-{recipe.name}")
    written = plan.write(output) if output else []
    if as_json:
        commands = [{"title": c.title, "argv": c.argv, "env": dict(c.env)} for c in plan.commands]
        rendered = {"state": "RENDERED", "files": dict(plan.files), "commands": commands}
        print_json({**rendered, "secrets": job.secrets, "written": written})
    elif output:
        click.echo(f"RENDERED {job.label} on {where.name}: {len(written)} files in {output}")
    else:
        click.echo(plan.text(), nl=False)
        click.echo(f"RENDERED {job.label} on {where.name}: nothing was started", err=True)
    if job.secrets:
        whose = "the environment" if launcher.takes_secrets else "a secret of the cluster"
        click.echo(f"needs {', '.join(job.secrets)} when it runs, from {whose}", err=True)
