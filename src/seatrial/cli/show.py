"""seatrial show"""

from __future__ import annotations

from dataclasses import asdict

import click

from seatrial.cli.options import as_json, print_json, target_argument
from seatrial.cli.tables import print_facts, print_table


@click.command()
@target_argument
@as_json
def command(target: str, as_json: bool) -> None:
    """A recipe in full: every argument with its meaning."""
    from seatrial import catalog
    from seatrial.binding import local_fidelity

    case, recipe = catalog.recipe(target)
    # What is made for accelerators does not run on a CPU, so there is nothing that it would be there.
    fidelity, note = local_fidelity(case, recipe) if recipe.instance_type is None else (None, None)
    if as_json:
        print_json(
            {
                "case": case.name,
                "framework": case.framework,
                "fidelity": fidelity,
                "fidelity_note": note,
                **asdict(recipe),
            }
        )
        return
    scale = f"{recipe.nodes} x {recipe.instance_type}" if recipe.instance_type else "CPU"
    facts = {
        "recipe": f"{case.name}/{recipe.name}: {recipe.title}",
        "framework": case.framework,
        **({"fidelity": f"on CPU {fidelity}: {note}" if note else f"on CPU {fidelity}"} if fidelity else {}),
        "made for": scale,
        "parameters": f"{recipe.parameters:,}" if recipe.parameters else "unknown",
        "resumable": "yes" if case.resumable else "no",
        "expected": _expectations(recipe.expectations.loss_decrease, dict(recipe.expectations.at_least)),
    }
    print_facts(facts, 11)
    for figure in recipe.published:
        where = f"{figure.nodes} x {figure.instance_type}"
        print_facts({"published": f"{figure.value:,g} {figure.metric} on {where}: {figure.source}"}, 11)
    click.echo("\nArguments, changed with --set KEY=VALUE:\n")
    documents = catalog.describe(case)
    rows = [(name, str(value), documents.get(name, "")) for name, value in asdict(recipe.args).items()]
    print_table(("KEY", "VALUE", "MEANING"), rows)


def _expectations(loss_decrease: float | None, at_least: dict[str, float]) -> str:
    stated = [f"loss falls by {loss_decrease:g} nats"] if loss_decrease is not None else []
    stated += [f"{name} of {bound:g} or more" for name, bound in at_least.items()]
    return ", ".join(stated) or "not stated: the verdict stays UNKNOWN"
