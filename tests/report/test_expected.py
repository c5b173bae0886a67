"""A run's throughput and memory against what was forecast of its job."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from seatrial.expected import Expected, Faster, Range
from seatrial.hardware import GIB
from seatrial.report import FORMATS, expected, render
from seatrial.report.format import percent
from seatrial.report.summary import Summary, summarise
from seatrial.runs import Run
from tests import stories
from tests.pictures import boxes, outside, texts, width

NEAR = Expected(rate=Range(low=35e3, expected=42e3, high=50e3, evidence=("a <model> on 8 H100 SXM", "another")))
NEED = Expected(memory=Range(low=0.35 * GIB, expected=0.4 * GIB, high=0.45 * GIB, evidence=("published peaks",)))
Make = Callable[..., Run]


def summary(make_run: Make, found: Expected | None, events: stories.Events | None = None) -> Summary:
    return summarise(make_run(stories.whole_run() if events is None else events, expected=found), [])


@pytest.mark.parametrize(
    ("low", "high", "side"), [(35e3, 50e3, "inside"), (50e3, 70e3, "below"), (20e3, 30e3, "above")]
)
def test_it_says_on_which_side_of_the_interval_a_run_is(make_run: Make, low: float, high: float, side: str) -> None:
    middle = (low * high) ** 0.5
    run = summary(make_run, Expected(rate=Range(low=low, expected=middle, high=high)))
    first, rests = expected.told(run)
    assert run.throughput is not None and run.throughput == pytest.approx(41e3, rel=0.01)
    assert first.startswith(
        f"Throughput: {middle / 1e3:.3g}K tokens/s were forecast ({low / 1e3:g}K to {high / 1e3:g}K four times"
    )
    assert first.endswith(
        f"41K tokens/s were measured, {percent(run.throughput / middle)} of what was expected: {side} the interval."
    )
    assert rests == "It rests on a model alone: nothing like it was measured."


def test_the_bar_and_the_interval_share_a_scale(make_run: Make) -> None:
    run = summary(make_run, NEAR)
    root = ElementTree.fromstring(expected.bars(run)[0][1])
    found = boxes(root)
    [measured] = [box for tip, box in found.items() if tip.startswith("measured: ")]
    [interval] = [box for tip, box in found.items() if tip.startswith("expected: ")]
    assert list(outside(root)) == [] and run.throughput is not None
    assert width(interval) / width(measured) == pytest.approx((50e3 - 35e3) / run.throughput, rel=0.01)
    start = float(interval.attrib["x"]) - float(measured.attrib["x"])
    assert start / width(measured) == pytest.approx(35e3 / run.throughput, rel=0.01)


def test_every_format_has_it_and_names_are_escaped(make_run: Make) -> None:
    run = make_run(stories.whole_run(), expected=NEAR)
    told = {format: render(run, [], format) for format in FORMATS}
    assert json.loads(told["json"])["expected"]["rate"] == {
        "low": 35e3, "expected": 42e3, "high": 50e3, "evidence": ["a <model> on 8 H100 SXM", "another"],
    }  # fmt: skip
    assert (
        "\nExpected\n--------\nThroughput: 42K tokens/s were forecast (35K to 50K four times in five)." in told["text"]
    )
    assert "## Expected" in told["md"] and "<h2>Expected</h2>" in told["html"]
    assert "a &lt;model&gt; on 8 H100 SXM; another." in told["html"] and "<model>" not in told["html"]


def test_without_a_forecast_nothing_is_said(make_run: Make) -> None:
    run = make_run(stories.whole_run())
    assert expected.told(summarise(run, [])) == () and expected.bars(summarise(run, [])) == []
    assert "\nExpected\n" not in render(run, [], "text") and "<h2>Expected</h2>" not in render(run, [], "html")


def test_what_was_not_measured_or_counts_something_else_is_unknown(tmp_path: Path) -> None:
    samples = [(0.0, stories.start(unit="samples")), *((float(n), stories.step(n)) for n in range(1, 9))]
    for number, events in enumerate(([], samples)):
        run = summarise(stories.write_run(tmp_path, events, name=f"run-{number}", expected=NEAR), [])
        assert (run.throughput is None) == (not events)
        assert expected.told(run)[0].endswith("What the run gives was not measured.")
        assert "unknown" in texts(ElementTree.fromstring(expected.bars(run)[0][1]))


@pytest.mark.parametrize("wrong", [math.nan, math.inf])
def test_a_forecast_that_has_no_place_on_an_axis_has_no_bar(make_run: Make, wrong: float) -> None:
    run = make_run(stories.whole_run(), expected=Expected(rate=Range(low=0.0, expected=wrong, high=wrong)))
    assert expected.bars(summarise(run, [])) == [] and "<h2>Expected</h2>" in render(run, [], "html")


def test_memory_has_a_bar_of_its_own_in_gib(make_run: Make) -> None:
    run = summary(make_run, replace(NEAR, memory=NEED.memory))
    peak = 412_040_000 / GIB
    assert expected.told(run)[2] == (
        f"Memory of a rank: 0.4 GiB were forecast (0.35 to 0.45 four times in five). {peak:.3g} GiB were measured, "
        f"{percent(peak / 0.4)} of what was expected: inside the interval."
    )
    rate, memory = (ElementTree.fromstring(bar) for _, bar in expected.bars(run))
    assert "tokens/s" in texts(rate) and "GiB" in texts(memory) and list(outside(memory)) == []
    found = boxes(memory)
    [measured] = [box for tip, box in found.items() if tip.startswith("measured: ")]
    [interval] = [box for tip, box in found.items() if tip.startswith("expected: 0.4 GiB")]
    assert width(interval) / width(measured) == pytest.approx(0.1 / peak, rel=0.01)


def test_memory_that_nobody_measured_is_unknown(make_run: Make) -> None:
    run = summary(make_run, NEED, [(0.0, stories.start()), (1.0, stories.step(1, memory_bytes=None))])
    assert expected.told(run)[0].endswith("What a rank needs was not measured.") and len(expected.bars(run)) == 1


def test_what_would_make_it_faster_is_said(make_run: Make) -> None:
    more = (Faster(setting="recompute=selective", gain=0.31), Faster(setting="compile=true", gain=0.09))
    assert expected.told(summary(make_run, replace(NEAR, faster=more)))[-1] == (
        "By the model of its step a single argument would make this job faster: recompute=selective (31 % more), "
        "compile=true (9 % more)."
    )


def test_where_only_the_batch_is_known_there_is_no_such_section(make_run: Make) -> None:
    run = make_run(stories.whole_run(), expected=Expected(step_tokens=4096))
    for format in ("text", "md", "html"):
        assert "Expected\n" not in render(run, [], format) and "<h2>Expected</h2>" not in render(run, [], format)
