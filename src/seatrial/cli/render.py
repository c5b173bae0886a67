"""seatrial render"""

from __future__ import annotations

from pathlib import Path

import click

from seatrial.cli.options import as_json, parse_profile, parse_settings, scale, target_argument


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
    from seatrial.cli.rendering import show

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
    # What is expected of it is said by `run --dry-run` alone: to import numpy takes half of the time that a plan may
    # take (benchmarks/startup.py: 20 times a bare interpreter; numpy 11, a plan 10 to 19).
    show(job, where, f"{case.name}-{recipe.name}", output=output, as_json=as_json)
