"""seatrial forecast CASE[/RECIPE]"""

from __future__ import annotations

import click

from seatrial.cli.completing import complete_cluster, complete_instance
from seatrial.cli.options import as_json, parse_settings, print_json, settings_option, target_argument
from seatrial.errors import Problem, UserError
from seatrial.extras import needed


@click.command(name="forecast")
@target_argument
@click.option("--on", "cluster", metavar="CLUSTER", help="Where it would run.", shell_complete=complete_cluster)
@click.option("--instance", metavar="TYPE", help="Nodes of this type.", shell_complete=complete_instance)
@click.option("--nodes", type=click.IntRange(1), help="Nodes.  [default: the recipe's]")
@click.option("--processes", type=click.IntRange(1), help="Processes per node.  [default: the recipe's]")
@settings_option("Change an argument; see show.")
@as_json
def command(
    target: str,
    cluster: str | None,
    instance: str | None,
    nodes: int | None,
    processes: int | None,
    settings: tuple[str, ...],
    as_json: bool,
) -> None:
    """Memory of a rank and time of a step, before anything is started: each with an interval, and what it rests on.

    Without --on and --instance on the nodes that the recipe is made for.
    """
    if cluster and instance:
        raise UserError(Problem("a cluster has instances of its own", "--instance", "leave --on or --instance out"))
    with needed("numpy", "profile"):
        import numpy  # noqa: F401 # said here, once, if it is missing
    import datetime

    from seatrial import catalog, config, reading
    from seatrial.binding import outline
    from seatrial.fits import memory_of_a_rank
    from seatrial.forecast.job import forecast
    from seatrial.report import document
    from seatrial.report.forecast import as_record, sections

    case, recipe = catalog.recipe(target)
    where = config.cluster(cluster) if cluster else reading.elsewhere(recipe, instance, nodes, processes)
    _, layout, workload = outline(
        case, recipe, where, settings=parse_settings(settings), nodes=nodes, processes_per_node=processes
    )
    if workload is None:
        what = f"{case.name} says nothing of what its jobs compute"
        raise UserError(Problem(what, target, "seatrial list: cases that train a model"))
    today = datetime.date.today()
    found = forecast(
        workload,
        where.instance_type if layout.device != "cpu" else None,
        memory_of_a_rank(layout, where),
        year=today.year + (today.month - 1) / 12,
    )
    place = where.instance_type or f"CPUs of {where.name}"
    title = f"Forecast of {case.name}/{recipe.name} on {layout.nodes} x {place}"
    if as_json:
        print_json({"target": f"{case.name}/{recipe.name}", "nodes": layout.nodes, "place": place, **as_record(found)})
    else:
        click.echo(document.to_text(title, sections(found)), nl=False)
