"""seatrial list"""

from __future__ import annotations

from dataclasses import asdict

import click

from seatrial import catalog
from seatrial.cli.options import as_json, print_json, print_table
from seatrial.spec import local_fidelity


@click.command()
@as_json
def command(as_json: bool) -> None:
    """What there is: cases with their recipes."""
    cases = catalog.cases()
    if as_json:
        print_json(
            [
                {
                    "case": case.name,
                    "title": case.title,
                    "framework": case.framework,
                    "fidelity": local_fidelity(case, case.recipes[0])[0],
                    "fidelity_note": local_fidelity(case, case.recipes[0])[1],
                    "recipes": [
                        {
                            "name": r.name,
                            "title": r.title,
                            "parameters": r.parameters,
                            "instance_type": r.instance_type,
                            "nodes": r.nodes,
                            "published": [asdict(figure) for figure in r.published],
                        }
                        for r in case.recipes
                    ],
                }
                for case in cases
            ]
        )
        return
    rows = [
        (f"{case.name}/{recipe.name}", case.framework, f"on CPU: {local_fidelity(case, recipe)[0]}", recipe.title)
        for case in cases
        for recipe in case.recipes
    ]
    print_table(("RECIPE", "FRAMEWORK", "FIDELITY", "WHAT"), rows)
