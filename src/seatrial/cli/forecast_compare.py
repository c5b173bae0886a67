"""seatrial forecast compare"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click

from seatrial.cli.completing import complete_cluster, complete_instance, complete_target
from seatrial.cli.forecasting import Bound, bound
from seatrial.cli.options import as_json, parse_settings, print_json, settings_option, target_argument
from seatrial.extras import needed


@click.command()
@target_argument
@click.argument("other", metavar="[CASE[/RECIPE]|FILE.py]", required=False, shell_complete=complete_target)
@click.option("--on", "cluster", metavar="CLUSTER", help="Where both would run.", shell_complete=complete_cluster)
@click.option("--instance", metavar="TYPE", help="Nodes of this type.", shell_complete=complete_instance)
@click.option("--nodes", type=click.IntRange(1), help="Nodes.  [default: the recipes']")
@settings_option("Change an argument of both; see show.")
@click.option("--with", "with_", metavar="KEY=VALUE", multiple=True, help="Change an argument of the second alone.")
@click.option(
    "--with-instance", metavar="TYPE", help="The second on nodes of this type.", shell_complete=complete_instance
)
@click.option("--with-nodes", type=click.IntRange(1), help="The second on so many nodes.")
@as_json
def command(
    target: str,
    other: str | None,
    cluster: str | None,
    instance: str | None,
    nodes: int | None,
    settings: tuple[str, ...],
    with_: tuple[str, ...],
    with_instance: str | None,
    with_nodes: int | None,
    as_json: bool,
) -> None:
    """Two jobs side by side, A and B: what of them is different, and what of memory and time follows from it.

    Without a second target it is the first, with what --with, --with-instance and --with-nodes change.
    """
    with needed("numpy", "forecast"):
        import numpy  # noqa: F401 # said here, once, if it is missing
    from seatrial.report import document
    from seatrial.report.forecast import as_record
    from seatrial.report.forecast_compare import differences, sections

    shared = parse_settings(settings)
    a = bound(target, cluster, instance, nodes=nodes, processes=None, settings=shared)
    b = bound(
        other or target,
        None if with_instance else cluster,
        with_instance or instance,
        nodes=with_nodes or nodes,
        processes=None,
        settings={**shared, **parse_settings(with_)},
    )
    different = differences(_told(a), _told(b))
    one, two = a.forecast(), b.forecast()
    if as_json:
        record = {name: {"job": job.title, **as_record(found)} for name, job, found in (("a", a, one), ("b", b, two))}
        print_json({**record, "different": {name: [first, second] for name, first, second in different}})
        return
    same = _tokens(a) == _tokens(b)
    title = f"{a.title} (A) and {b.title} (B)"
    click.echo(document.to_text(title, sections(one, two, different, same_tokens=same)), nl=False)


def _told(job: Bound) -> dict[str, Any]:
    place = {"nodes": job.layout.nodes, "processes per node": job.layout.processes_per_node, "nodes are": job.place}
    return {"job": job.label, **place, **asdict(job.args)}


def _tokens(job: Bound) -> int:
    return job.workload.global_batch_size * (job.workload.sequence_length or 1)
