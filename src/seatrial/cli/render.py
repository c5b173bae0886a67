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
    from seatrial.cli.forecasting import expected
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
    # Beside the plan, not in it: a plan is made of its arguments alone, what is expected of measurements and the month.
    known = expected(case, job, where)
    show(job, where, f"{case.name}-{recipe.name}", known, output=output, as_json=as_json)
