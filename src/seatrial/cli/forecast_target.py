"""seatrial forecast CASE[/RECIPE]"""

from __future__ import annotations

import datetime
import math
import os
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from seatrial.cli.completing import complete_cluster, complete_instance, complete_run
from seatrial.cli.forecast_drawing import draw, write
from seatrial.cli.forecasting import Bound, bound, nodes_of, year
from seatrial.cli.options import (
    as_json,
    parse_settings,
    pasteable,
    print_json,
    runs_folder,
    settings_option,
    target_argument,
)
from seatrial.errors import Problem, UserError
from seatrial.extras import needed

if TYPE_CHECKING:
    from seatrial.cli.forecast_searching import Chosen, Minimise
    from seatrial.forecast.job import Forecast

LEAST, MOST = 1e-6, 1e12
"""Of storage in GB/s, a start in seconds, a deadline in hours, a budget in USD: what is outside is a mistake, and times
made of it would overflow."""


class _Context(click.Context):
    """Of a target, which is no verb: usage shows the group's words alone."""

    @property
    def command_path(self) -> str:
        return self.parent.command_path if self.parent else super().command_path


class _Target(click.Command):
    context_class = _Context


@click.command(name="forecast", cls=_Target)
@target_argument
@click.option("--on", "cluster", metavar="CLUSTER", help="Where it would run.", shell_complete=complete_cluster)
@click.option("--instance", metavar="TYPE", help="Nodes of this type.", shell_complete=complete_instance)
@click.option("--nodes", "nodes", metavar="N|N..M", help="Nodes; a range for --search.  [default: the recipe's]")
@click.option("--processes", type=click.IntRange(1), help="Processes per node.  [default: the recipe's]")
@settings_option("Change an argument; see show.")
@click.option("--storage", type=float, metavar="GB/S", help="What the file system gives all ranks together.")
@click.option("--start", type=float, metavar="SECONDS", help="From the launch to the first step.")
@click.option("--search", is_flag=True, help="Look for the best layouts of this training, over all that there are.")
@click.option(
    "--minimise", type=click.Choice(["time", "cost"]), default="time", show_default=True, help="What --search is for."
)
@click.option("--deadline", type=float, metavar="HOURS", help="That all steps may take, for --search.")
@click.option("--budget", type=float, metavar="USD", help="That all steps may cost, for --search.")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="Write a picture there, as SVG.")
@click.option(
    "--measured", metavar="RUN", help="Draw the step of this run beside the forecast.", shell_complete=complete_run
)
@runs_folder
@as_json
def command(
    target: str,
    cluster: str | None,
    instance: str | None,
    nodes: str | None,
    processes: int | None,
    settings: tuple[str, ...],
    storage: float | None,
    start: float | None,
    search: bool,
    minimise: Minimise,
    deadline: float | None,
    budget: float | None,
    output: Path | None,
    measured: str | None,
    history: Path,
    as_json: bool,
) -> None:
    """Memory of a rank and time of a step, before anything is started: each with an interval, and what it rests on.

    Without --on and --instance on the nodes that the recipe is made for. The picture of --output has both, or with
    --search time against cost of all layouts that can be.
    """
    _check(search=search, amounts={
        "--storage": storage, "--start": start, "--deadline": deadline, "--budget": budget,
    }, drawn=output is not None and not search, measured=measured)  # fmt: skip
    with needed("numpy", "forecast"):
        import numpy  # noqa: F401 # said here, once, if it is missing
    wanted = nodes_of(nodes)
    if len(wanted) > 1 and not search:
        raise UserError(Problem(f"{nodes} is a range", "--nodes", "one number, or --search"))
    asked = parse_settings(settings)
    first = None if search or not wanted else wanted[0]
    job = bound(
        target, cluster, instance, nodes=first, most=max(wanted, default=None), processes=processes, settings=asked
    )
    if search:
        _search(target, job, wanted or (job.layout.nodes,), asked, minimise, deadline, budget, output, as_json=as_json)
    else:
        found = job.forecast()
        if output is not None:
            draw(output, f"Forecast of {job.title}", found, history, measured)
        _show(job, found, storage, start, output, as_json=as_json)


def _check(*, search: bool, amounts: dict[str, float | None], drawn: bool, measured: str | None) -> None:
    given = {name: value for name, value in amounts.items() if value is not None}
    problems = [
        Problem("is for --search", name, "add --search, or leave it out")
        for name in ("--deadline", "--budget")
        if name in given and not search
    ]
    problems += [
        Problem(f"{value:g} is not from {LEAST:g} to {MOST:g}", name)
        for name, value in given.items()
        if not (LEAST <= value <= MOST or (name == "--start" and value == 0))
    ]
    if measured and not drawn:
        problems.append(Problem("is drawn in the picture of one layout", "--measured", "add -o FILE, without --search"))
    if problems:
        raise UserError(problems)


def _show(
    job: Bound, found: Forecast, storage: float | None, start: float | None, output: Path | None, *, as_json: bool
) -> None:
    from seatrial.cli.forecast_running import run_of
    from seatrial.report import document
    from seatrial.report.forecast import as_record, faster_section, sections
    from seatrial.report.forecast_run import run_record, run_section

    nodes, faster = job.layout.nodes, job.faster() if found.pace else ()
    played = run_of(job.args, found, job.where, nodes, storage=storage, start=start, today=datetime.date.today())
    if as_json:
        record = {"target": job.label, "nodes": nodes, "place": job.place, **as_record(found)}
        record["faster"] = [asdict(one) for one in faster]
        print_json(record | ({"run": run_record(*played)} if played else {}))
        return
    told = [*sections(found), *faster_section(faster), *([run_section(*played, job.args.steps)] if played else [])]
    click.echo(document.to_text(f"Forecast of {job.title}", told), nl=False)
    if output is not None:
        click.echo(f"\nwrote {output}")


def _search(
    target: str, job: Bound, nodes: tuple[int, ...], settings: dict[str, str], minimise: Minimise,
    deadline: float | None, budget: float | None, output: Path | None, *, as_json: bool,
) -> None:  # fmt: skip
    from seatrial.cli import calibration
    from seatrial.cli.forecast_searching import choose, space_of
    from seatrial.fits import memory_of_a_rank
    from seatrial.forecast.expectation import expected_seconds
    from seatrial.forecast.places import place
    from seatrial.forecast.search import search
    from seatrial.prices import run_cost
    from seatrial.report import document
    from seatrial.report.frontier import picture
    from seatrial.report.search import Row, sections

    memory, kind = memory_of_a_rank(job.layout, job.where), job.where.instance_type
    per_node = job.layout.processes_per_node
    if memory is None or kind is None or job.layout.device == "cpu":
        what = f"layouts are searched on accelerators, and {job.label} on {job.place} takes none"
        raise UserError(Problem(what, "--search", "take a recipe for accelerators: seatrial list"))
    node = run_cost(job.where, 1, region=os.environ.get("AWS_REGION"))
    price = node.hourly
    if budget is not None and price is None:
        raise UserError(Problem(f"what a node costs is unknown: {node.why}", "--budget", "seatrial prices refresh"))
    steps = getattr(job.args, "steps", 1)
    try:
        answer = search(
            job.workload,
            place(kind),
            space_of(job.args, job.workload, nodes),
            per_node=per_node,
            available=memory,
            minimise=minimise,
            longest=math.inf if deadline is None else deadline * 3600 / steps,
            dearest=math.inf if budget is None or price is None else budget / price * 3600 / steps,
            count=60,
            pace=partial(expected_seconds, year=year(), known=calibration.known()),
        )
    except ValueError as error:
        raise UserError(Problem(f"the time of a step cannot be told: {error}", job.label)) from None
    found = choose(
        job.case, job.recipe, job.where, answer, settings, per_node=per_node, year=year(), minimise=minimise, count=20
    )
    title = f"Layouts of {job.label} on {' or '.join(map(str, nodes))} x {job.place}, by {minimise}"
    rows = [Row(nodes=one.nodes, forecast=one.forecast, seconds=one.seconds) for one in found.choices]
    if output is not None:
        write(output, picture(title, answer, rows, price))
    if as_json:
        print_json(_record(job, found))
        return
    click.echo(document.to_text(title, sections(answer, rows, found.refused, price)), nl=False)
    if found.choices:
        best = found.choices[0]
        words = [word for name, value in best.settings.items() for word in ("--set", f"{name}={value}")]
        take = pasteable("run", target, "--nodes", str(best.nodes), *words, keep=("cluster", "processes"))
        click.echo(f"\ntake the first: {take}")
    if output is not None:
        click.echo(f"\nwrote {output}")


def _record(job: Bound, found: Chosen) -> dict[str, Any]:
    from seatrial.report.forecast import as_record

    return {
        "target": job.label,
        "place": job.place,
        "layouts": found.answer.layouts,
        "forbidden": dict(found.answer.forbidden),
        "refused": found.refused,
        "best": [
            {"nodes": one.nodes, "settings": dict(one.settings), "step": one.seconds, **as_record(one.forecast)}
            for one in found.choices
        ],
    }
