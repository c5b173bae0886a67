"""The forecast of a job as a whole."""

import pytest

from seatrial import catalog
from seatrial.forecast.job import forecast
from seatrial.forecast.places import place
from seatrial.forecast.step import step
from seatrial.hardware import GIB
from seatrial.spec import Layout


def test_a_change_s_price_is_what_a_step_takes_longer_by_the_model():
    case, recipe = catalog.recipe("nemo-run/llama3.1-8b")
    workload = case.workload(recipe.args, Layout(nodes=1, processes_per_node=8, device="cuda"))
    found = forecast(workload, "p5.48xlarge", 60 * GIB, year=2026.8)
    there = place("p5.48xlarge")
    now = step(workload, there).seconds
    assert found.changes and [change.price for change in found.changes] == pytest.approx(
        [float(step(change.workload, there).seconds - now) for change in found.changes]
    )
