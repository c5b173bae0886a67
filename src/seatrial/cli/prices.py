"""seatrial prices list, refresh"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

import click

from seatrial.cli.options import as_json, print_json
from seatrial.cli.tables import print_table
from seatrial.errors import UserError, unknown


@click.group()
def command() -> None:
    """What things on AWS cost, by public list prices: those that come with Seatrial, and before them your own table."""


@command.command("list")
@click.option("--region", metavar="REGION", help="Only those of one AWS region.  [default: all that are known]")
@as_json
def list_(region: str | None, as_json: bool) -> None:
    """Every price that is known, with its source and date. What is not listed is unknown."""
    from seatrial.prices import table

    there = table.regions()
    if region is not None and region not in there:
        raise UserError(unknown("region with known prices", region, there, "--region"))
    found = [
        (where, item, one) for where in ([region] if region else there) for item, one in table.known(where).items()
    ]
    if as_json:
        print_json([{"region": where, "item": item, **asdict(one)} for where, item, one in found])
        return
    rows = [(where, item, f"{one.usd:.10g}", one.unit, one.date, one.source) for where, item, one in found]
    print_table(("REGION", "ITEM", "USD", "FOR A", "AS OF", "SOURCE"), rows, optional=("SOURCE",))


@command.command()
@click.option("--region", "regions", metavar="REGION", multiple=True, required=True, help="AWS region; repeatable.")
@click.option("--profile", metavar="NAME", help="Profile of AWS's own configuration.  [default: the environment's]")
@as_json
def refresh(regions: Sequence[str], profile: str | None, as_json: bool) -> None:
    """Ask AWS's pricing API, and keep the answers in a table of your own, which counts before the one that comes with
    Seatrial. Needs credentials that allow pricing:GetProducts, and the package boto3."""
    from seatrial.prices import table
    from seatrial.prices.refreshing import refresh

    found = refresh(regions, profile)
    if as_json:
        print_json(
            {
                "path": str(table.path()),
                "regions": {
                    region: {item: asdict(one) for item, one in items.items()} for region, items in found.items()
                },
            }
        )
        return
    for region, items in found.items():
        click.echo(f"{region}: {len(items)} prices" + ("" if items else "; is it a region of AWS?"))
    click.echo(f"wrote {table.path()}")
