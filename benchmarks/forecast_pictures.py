"""The pictures of docs/forecast.md: memory by stage, a step against a measured one, the frontier of a search.

    python benchmarks/forecast_pictures.py [--folder docs]

Memory is that of Llama 3.1 70B in eight pipeline stages, which is tight on 80 GB; the step that of Llama 3 8B in
torchtitan, beside the throughput that was published for the same nodes, which is left out of the evidence that this
forecast rests on (the model's constants were fitted with it among others); the search that of the 70B over 4 to 64
nodes.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from seatrial import catalog, reading
from seatrial.binding import outline
from seatrial.cli import cli
from seatrial.fits import memory_of_a_rank
from seatrial.forecast.anchors import anchors
from seatrial.forecast.expectation import evidence, expect
from seatrial.forecast.job import Forecast, forecast
from seatrial.forecast.places import place
from seatrial.report.forecast_picture import memory_picture, step_picture
from seatrial.report.waterfall import Measured
from seatrial.spec import Recipe

YEAR = 2026.9
"""Of the frameworks' releases: fixed, so that the first two pictures stay as they are."""
STAGES, STEP = "nemo-run/llama3.1-70b", "torchtitan/llama3-8b"


def told(target: str) -> tuple[str, Recipe, Forecast]:
    """Title, recipe and forecast of a target on the nodes that it is made for."""
    case, recipe = catalog.recipe(target)
    where = reading.elsewhere(recipe, None, recipe.nodes, None)
    _, layout, workload = outline(case, recipe, where)
    assert workload is not None, f"{target} has no workload"
    found = forecast(workload, where.instance_type, memory_of_a_rank(layout, where), year=YEAR)
    return f"Forecast of {target} on {layout.nodes} x {where.instance_type}", recipe, found


def without_its_source(recipe: Recipe, found: Forecast) -> Forecast:
    """The forecast as it would be if the source of the recipe's published figure had measured nothing."""
    figure = recipe.published[0]
    source = figure.source.partition(",")[0]
    rest = [one for one in anchors() if one.tuned and source not in one.source]
    pace = expect(found.workload, place(figure.instance_type), year=YEAR, known=evidence(rest))
    return replace(found, pace=pace)


def published(recipe: Recipe, found: Forecast) -> Measured:
    """The step of the recipe's first published figure; of its phases nothing is known."""
    figure = recipe.published[0]
    assert found.pace is not None and figure.metric == "tokens/s per accelerator"
    step = found.pace.step
    seconds = float(step.tokens) / float(step.accelerators) / figure.value
    return Measured(name=figure.source, seconds=seconds)


def main() -> None:
    """Write the three files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path("docs"), metavar="DIR", help="where they are written")
    folder = parser.parse_args().folder
    title, _, found = told(STAGES)
    (folder / "forecast_memory.svg").write_text(memory_picture(title, found) + "\n", encoding="utf-8")
    title, recipe, found = told(STEP)
    found = without_its_source(recipe, found)
    picture = step_picture(title, found, published(recipe, found))
    (folder / "forecast_step.svg").write_text(picture + "\n", encoding="utf-8")
    search = ["forecast", STAGES, "--search", "--nodes", "4..64", "-o", str(folder / "forecast_frontier.svg")]
    cli.main(search, standalone_mode=False)


if __name__ == "__main__":
    main()
