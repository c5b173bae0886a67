"""seatrial list"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import click

from seatrial import versions
from seatrial.cli.completing import complete_case, complete_place
from seatrial.cli.listing import listing
from seatrial.cli.options import as_json, print_json
from seatrial.cli.tables import print_table
from seatrial.errors import Problem, UserError, unknown

HERE = "local"


@click.command()
@click.argument("names", metavar="[CASE]...", nargs=-1, shell_complete=complete_case)
@click.option(
    "--fits",
    "place",
    metavar="CLUSTER|INSTANCE",
    help="Only recipes for a cluster, or for nodes of an instance type; the reasons of the others are counted.",
    shell_complete=complete_place,
)
@click.option("--nodes", type=click.IntRange(1), help="With --fits: on so many nodes.  [default: each recipe's]")
@click.option("--local", "here", is_flag=True, help="Only recipes for this machine; the same as --fits local.")
@as_json
def command(names: Sequence[str], place: str | None, nodes: int | None, here: bool, as_json: bool) -> None:
    """What there is: cases, and the recipes of those that are named."""
    if here and place not in (None, HERE):
        raise UserError(Problem(f"--local is --fits {HERE}, not {place}", "--local", "leave one of them out"))
    place = HERE if here else place
    if nodes is not None and place is None:
        raise UserError(Problem("means nothing without a place", "--nodes", "add --fits CLUSTER or --fits INSTANCE"))
    cases = _chosen(listing(), names)
    if place is not None:
        from seatrial.cli.fitting import fitting

        cases = fitting(cases, place, nodes)
    if as_json:
        print_json(cases)
    elif place is not None:
        _print_fitting(cases, place, nodes)
    elif names:
        _print_recipes(cases)
    else:
        _print_cases(cases)


def _chosen(cases: list[dict[str, Any]], names: Sequence[str]) -> list[dict[str, Any]]:
    known = {case["case"]: case for case in cases}
    wrong = [unknown("case", name, known) for name in names if name not in known]
    if wrong:
        raise UserError(wrong)
    return [known[name] for name in dict.fromkeys(names)] or cases


def _print_cases(cases: list[dict[str, Any]]) -> None:
    rows = [
        (case["case"], case["framework"], str(len(case["recipes"])), case["fidelity"], _what(case))
        for case in cases
        if not case["broken"]
    ]
    rows += [(case["case"], "broken", "-", "-", case["broken"]) for case in cases if case["broken"]]
    print_table(("CASE", "FRAMEWORK", "RECIPES", "ON A CPU", "WHAT"), rows)
    if sys.stdout.isatty():
        click.echo("\nseatrial list CASE shows recipes,\n--local and --fits those that fit", err=True)


def _what(case: dict[str, Any]) -> str:
    """Its title, and where its environment is made on request only, what that takes."""
    takes = versions.ON_REQUEST.get(case["environment"])
    return f"{case['title']} (on request: {takes})" if takes else str(case["title"])


def _print_recipes(cases: list[dict[str, Any]]) -> None:
    rows = [
        (f"{case['case']}/{recipe['name']}", _made_for(recipe), _parameters(recipe["parameters"]), recipe["title"])
        for case in cases
        for recipe in case["recipes"]
    ]
    rows += [(case["case"], "broken", "-", case["broken"]) for case in cases if case["broken"]]
    print_table(("RECIPE", "MADE FOR", "PARAMETERS", "WHAT"), rows)


def _made_for(recipe: dict[str, Any]) -> str:
    """Its scale; what a CPU exercises of the framework only where a CPU can."""
    if recipe["instance_type"]:
        return f"{recipe['nodes']} x {recipe['instance_type']}"
    nodes = f"{recipe['nodes']} nodes, " if recipe["nodes"] > 1 else ""
    return f"{nodes}CPU: {recipe['fidelity']}"


def _parameters(count: int | None) -> str:
    from seatrial.report.format import quantity

    return "-" if count is None else quantity(count)


def _print_fitting(cases: list[dict[str, Any]], place: str, nodes: int | None) -> None:
    from seatrial.cli.fitting import reasons

    fit = [{**case, "recipes": [r for r in case["recipes"] if not r["problems"]]} for case in cases]
    count, all_ = (sum(len(case["recipes"]) for case in found) for found in (fit, cases))
    if count:
        _print_recipes(fit)
        click.echo()
    scale = "" if nodes is None else f", {nodes} node{'s' if nodes > 1 else ''}"
    click.echo(f"{count} of {all_} recipes fit: {place}{scale}")
    if count < all_:
        click.echo()
        print_table(("OTHERS", "SUCH AS", "WHY NOT"), reasons(cases))
