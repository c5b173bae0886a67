"""seatrial list"""

from __future__ import annotations

import click

from seatrial.cli.listing import listing
from seatrial.cli.options import as_json, print_json, print_table


@click.command()
@as_json
def command(as_json: bool) -> None:
    """What there is: cases with their recipes."""
    cases = listing()
    if as_json:
        print_json(cases)
        return
    rows = [
        (f"{case['case']}/{recipe['name']}", case["framework"], f"on CPU: {recipe['fidelity']}", recipe["title"])
        for case in cases
        for recipe in case["recipes"]
    ]
    rows += [(case["case"], "-", "broken", case["broken"]) for case in cases if case["broken"]]
    print_table(("RECIPE", "FRAMEWORK", "FIDELITY", "WHAT"), rows)
