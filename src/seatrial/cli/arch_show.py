"""seatrial arch show"""

from __future__ import annotations

from dataclasses import MISSING, Field, asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from seatrial.cli.arch_options import deployment_argument, deployment_settings, find
from seatrial.cli.options import as_json, print_json
from seatrial.cli.tables import print_facts, print_table

if TYPE_CHECKING:
    from seatrial.architectures import Deployment
    from seatrial.prices import Bill


@click.command()
@deployment_argument
@deployment_settings
@click.option("--cost", is_flag=True, help="What it costs an hour, idle and with everything running.")
@click.option("--picture", type=click.Path(path_type=Path), help="Draw it into this SVG file.")
@as_json
def command(name: str, settings: tuple[str, ...], cost: bool, picture: Path | None, as_json: bool) -> None:
    """A deployment with all that it needs: stacks, parameters, instances. Nothing is asked of AWS."""
    from seatrial.prices import bill

    deployment = find(name, settings)
    costs = bill(deployment) if cost else None
    if picture:
        _draw(deployment, picture)
    if as_json:
        shown: dict[str, Any] = {"deployment": deployment.name, "stacks": [_record(one) for one in deployment.order()]}
        print_json(shown | ({"cost": _cost(costs)} if costs else {}) | ({"picture": picture} if picture else {}))
        return
    for one in deployment.order():
        _print(one)
    if costs:
        _print_costs(costs)
    if picture:
        click.echo(f"picture: {picture}")


def _record(one: Deployment) -> dict[str, Any]:
    return {
        "stack": one.stack,
        "architecture": one.architecture.name,
        "params": asdict(one.params),
        "needs": {key: other.stack for key, other in one.needs.items()},
        "instances": [asdict(row) for row in one.architecture.instances(one.params, one.facts)],
    }


def _print(one: Deployment) -> None:
    needs = ", ".join(f"{key} {other.stack}" for key, other in one.needs.items())
    values = {f.name: getattr(one.params, f.name) for f in fields(one.params) if not _is_default(one.params, f)}
    facts = {
        "stack": click.style(one.stack, bold=True),
        "architecture": f"{one.architecture.name}: {one.architecture.title.rstrip('.')}",
        **({"uses": needs} if needs else {}),
        "parameters": ", ".join(f"{key}={value}" for key, value in values.items()),
    }
    print_facts(facts, 12)
    for row in one.architecture.instances(one.params, one.facts):
        count = str(row.at_most) if row.at_least == row.at_most else f"{row.at_least} to {row.at_most}"
        more = [row.capacity, *(["EFA"] if row.efa else []), *(["placement group"] if row.placement_group else [])]
        print_facts({row.what: f"{count} x {row.instance_type}, {', '.join(more)}"}, 12)
    click.echo()


def _is_default(params: Any, of: Field[Any]) -> bool:
    default = of.default if of.default_factory is MISSING else of.default_factory()
    return bool(getattr(params, of.name) == default)


def _draw(deployment: Deployment, path: Path) -> None:
    from seatrial.diagram import diagram
    from seatrial.errors import Problem, UserError

    try:
        path.write_text(diagram(deployment) + "\n", encoding="utf-8")
    except OSError as error:
        remedy = "name a file in a folder that is there and can be written to"
        raise UserError(Problem(f"cannot be written: {error.strerror}", "--picture", remedy)) from None


def _cost(costs: Bill) -> dict[str, Any]:
    """USD an hour."""
    lines = [
        {**asdict(line), "hourly_at_least": line.hourly_at_least, "hourly_at_most": line.hourly_at_most}
        for line in costs.lines
    ]
    sums = {"at_least": costs.at_least, "at_most": costs.at_most, "complete": costs.complete}
    return {"region": costs.region, "lines": lines, **sums}


def _print_costs(costs: Bill) -> None:
    rows = [
        (
            line.what,
            f"{line.at_least:g}" if line.at_least == line.at_most else f"{line.at_least:g} to {line.at_most:g}",
            line.item,
            _usd(line.hourly_at_least),
            _usd(line.hourly_at_most),
            f"{line.price.source}, {line.price.date}" if line.price else line.why,
        )
        for line in costs.lines
    ]
    print_table(("WHAT", "HOW MANY", "ITEM", "USD/h AT LEAST", "AT MOST", "SOURCE"), rows, ("SOURCE",))
    click.echo(f"\ncosts {costs}")


def _usd(value: float | None) -> str:
    return "unknown" if value is None else f"{value:,.4f}"
