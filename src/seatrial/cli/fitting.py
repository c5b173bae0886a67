"""Which recipes a cluster, or nodes of an instance type, could take; and why not the others."""

from __future__ import annotations

import re
from typing import Any

from seatrial import catalog, config
from seatrial.binding import bind, elsewhere
from seatrial.cluster import Cluster
from seatrial.errors import Problem, UserError, unknown
from seatrial.hardware import instances
from seatrial.spec import Case, Recipe


def fitting(cases: list[dict[str, Any]], place: str, nodes: int | None) -> list[dict[str, Any]]:
    """The cases of a listing, each recipe with its ``problems``: what keeps it from there. None: it fits.

    Raises UserError if the place is neither a cluster nor an instance type.
    """
    cluster = config.cluster(place) if place in config.names() else None
    if cluster is None and place.removeprefix("ml.") not in {item.name for item in instances.INSTANCES}:
        known = [*config.names(), *(item.name for item in instances.INSTANCES)]
        raise UserError(unknown("cluster or instance type", place, known, "--fits"))
    found = []
    for listed in cases:
        if listed["broken"]:
            found.append(listed)
            continue
        case = catalog.case(listed["case"])
        recipes = []
        for entry in listed["recipes"]:
            recipe = case.recipe(entry["name"])
            where = cluster or elsewhere(recipe, place, nodes, None)
            recipes.append({**entry, "problems": [p.what for p in _problems(case, recipe, where, nodes)]})
        found.append({**listed, "recipes": recipes})
    return found


def reasons(cases: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    """Of the recipes that do not fit: how many for the same reason but for its numbers, one of them, and its reason."""
    kinds: dict[str, list[tuple[str, str]]] = {}
    for case in cases:
        for recipe in case["recipes"]:
            if recipe["problems"]:
                why = recipe["problems"][0].removeprefix(recipe["name"]).strip()
                kind = re.sub(r"\d+(\.\d+)?", "#", why)
                kinds.setdefault(kind, []).append((f"{case['case']}/{recipe['name']}", why))
    ordered = sorted(kinds.values(), key=len, reverse=True)
    return [(str(len(same)), same[0][0], same[0][1]) for same in ordered]


def _problems(case: Case, recipe: Recipe, cluster: Cluster, nodes: int | None) -> tuple[Problem, ...]:
    try:
        bind(case, recipe, cluster, nodes=nodes)
    except UserError as error:
        return error.problems
    return ()
