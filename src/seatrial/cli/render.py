"""seatrial render"""

from __future__ import annotations

from pathlib import Path

import click

from seatrial.cli.options import (
    as_json,
    parse_settings,
    print_json,
    say_notes,
    scale,
    secrets_for,
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
        secrets=secrets_for(where),
        expect=expect,
    )
    say_notes(job)
    plan = launchers.find(where.launcher).render(job, where, f"{case.name}-{recipe.name}")
    written = plan.write(output) if output else []
    if as_json:
        commands = [{"title": c.title, "argv": c.argv, "env": dict(c.env)} for c in plan.commands]
        print_json({"state": "RENDERED", "files": dict(plan.files), "commands": commands, "written": written})
    elif output:
        click.echo(f"RENDERED {job.label} on {where.name}: {len(written)} files in {output}")
    else:
        click.echo(plan.text(), nl=False)
        click.echo(f"RENDERED {job.label} on {where.name}: nothing was started", err=True)
