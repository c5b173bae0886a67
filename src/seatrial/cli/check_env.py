"""seatrial check env"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from seatrial.cli.completing import complete_cluster
from seatrial.cli.options import as_json, runs_dir, settings_option

if TYPE_CHECKING:
    from seatrial.cluster import Cluster
    from seatrial.history import History


@click.command()
@click.option("--on", "cluster", metavar="CLUSTER", help="Where.  [default: local]", shell_complete=complete_cluster)
@click.option("--nodes", type=click.IntRange(1), help="Nodes.  [default: all of the cluster]")
@click.option("--processes", type=click.IntRange(1), help="Processes per node.  [default: its GPUs; 2 on CPUs]")
@click.option("--for", "case", metavar="CASE", help="Case whose pinned packages must be there.")
@settings_option("Change an argument; see: seatrial show env.")
@runs_dir
@as_json
def command(
    cluster: str | None,
    nodes: int | None,
    processes: int | None,
    case: str | None,
    settings: tuple[str, ...],
    history: History,
    as_json: bool,
) -> None:
    """Look at the environment of every rank of a job, and compare them all.

    The same as seatrial run env/RECIPE: the run stays, with its report and the facts of every rank.
    """
    from seatrial import config, launchers
    from seatrial.cli.run import run_one
    from seatrial.cli.running import Request

    where = config.cluster(cluster or launchers.HERE)
    nodes = nodes or where.nodes
    request = Request(
        history=history,
        cluster=cluster,
        nodes=nodes,
        processes=processes,
        settings=(*_pins(case), *settings),
    )
    run_one(f"env/{recipe(where, nodes)}", request, as_json=as_json)


def recipe(where: Cluster, nodes: int) -> str:
    """Which recipe fits the cluster: that of GPUs where there are some. Ranks on Trainium's nodes look as CPUs' do."""
    from seatrial import fits

    gpus = where.accelerators_per_node > 0
    if gpus and where.instance_type is not None:
        gpus = fits.accelerator_of(where.instance_type).vendor == "NVIDIA"
    if not gpus:
        return "tiny"
    return "node" if nodes == 1 else "cluster"


def _pins(case: str | None) -> tuple[str, ...]:
    if case is None:
        return ()
    from seatrial import catalog

    pins = catalog.case(case).pins
    return ("pins=" + ",".join(f"{name}=={version}" for name, version in pins.items()),)
