"""The pictures of a forecast: memory by stage, the step by component, and a measured step beside it."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree

import pytest

from seatrial.forecast.job import Forecast, forecast
from seatrial.forecast.memory import Memory
from seatrial.hardware import GIB
from seatrial.models import LLAMA
from seatrial.report.forecast import MEMORY, TIME, parts_of
from seatrial.report.forecast_picture import memory_picture, picture, step_picture
from seatrial.report.waterfall import Measured
from seatrial.workload import Degrees, States, Workload
from tests.pictures import SVG, boxes, gaps, outside, texts, width

MODEL = LLAMA["llama3.1-70b"]
JOB = Workload(
    model=MODEL,
    parameters=MODEL.parameters(),
    global_batch_size=128,
    micro_batch_size=1,
    sequence_length=8192,
    degrees=Degrees(tensor=4, pipeline=8, data=2, shard=2),
    compute="bf16",
    states=States(parameters=2, gradients=4, optimizer=12),
    sharded=("optimizer",),
    compiled=True,
)


def told(job: Workload = JOB, memory: float | None = 80 * GIB, kind: str | None = "p5.48xlarge") -> Forecast:
    return forecast(job, kind, memory, year=2026.8)


FOUND = told()
MEASURED = Measured(name="run-1", seconds=20.0, phases={"forward": 6.0, "backward": 12.0, "optimizer": 2.0})


def drawn(found: Forecast = FOUND, measured: Measured | None = None) -> ElementTree.Element:
    root = ElementTree.fromstring(picture("Forecast", found, measured))
    assert list(outside(root)) == []
    return root


def test_the_bars_hold_every_byte_of_every_stage() -> None:
    found = boxes(drawn())
    sizes = {
        (index, name): float(getattr(stage, name))
        for index, stage in enumerate(FOUND.stages)
        for name in MEMORY
        if getattr(stage, name)
    }
    for (index, name), size in sizes.items():
        decides = ", decides" if FOUND.fit and FOUND.fit.stage == index else ""
        [box] = [box for tip, box in found.items() if tip.startswith(f"stage {index}{decides}, {MEMORY[name]}: ")]
        [total] = [box for tip, box in found.items() if tip.startswith("stage 0, decides, activations")]
        assert width(box) / width(total) == pytest.approx(size / float(FOUND.stages[0].activations), abs=0.01)
    for index in range(8):
        row = [box for tip, box in found.items() if tip.startswith(f"stage {index},")]
        assert len(row) >= 7 and list(gaps(row)) == pytest.approx([0.0] * (len(row) - 1), abs=0.02)


def test_the_parts_of_the_stage_that_decides_are_told() -> None:
    said = texts(drawn())
    assert FOUND.fit is not None and FOUND.fit.stage == 0
    for name, title in MEMORY.items():
        assert (title in said) == any(getattr(stage, name) for stage in FOUND.stages)
    assert "80 GiB available" in said and f"{FOUND.fit.memory.activations / GIB:.3g} GiB in stage 0" in said
    assert said[1].startswith("Memory tight: ") and " of 80 GiB (" in said[1]


def test_of_many_stages_the_first_the_last_and_the_one_that_decides_have_a_bar() -> None:
    deep = replace(JOB, degrees=Degrees(tensor=2, pipeline=16, data=2, shard=2), stage_layers=(4, 9, *[5] * 12, 3, 4))
    found = told(deep)
    assert found.fit is not None and found.fit.stage == 1
    assert [one for one in texts(drawn(found)) if one.startswith("stage ")] == [
        "stage 0",
        "stage 1, decides",
        "stage 15",
    ]


@pytest.mark.parametrize("memory", [20 * GIB, 80 * GIB, 2000 * GIB])
def test_what_is_there_is_a_line_wherever_it_is(memory: float) -> None:
    root = drawn(told(memory=memory))
    [limit] = [one for one in root.iter() if one.attrib.get("class") == "limit" and "x1" in one.attrib]
    stage = FOUND.stages[0]
    [box] = [box for tip, box in boxes(root).items() if tip.startswith("stage 0, decides, activations")]
    scale = width(box) / float(stage.activations)
    assert (float(limit.attrib["x1"]) - 152) / scale == pytest.approx(memory, rel=0.01)


def test_every_component_of_a_step_begins_where_the_one_before_ended() -> None:
    assert FOUND.pace is not None
    parts, found = parts_of(FOUND.pace), boxes(drawn())
    [whole] = [box for tip, box in found.items() if tip.startswith("step: ")]
    end = float(whole.attrib["x"])
    for name in parts:
        [box] = [box for tip, box in found.items() if tip.startswith(f"{TIME[name]}: ")]
        assert float(box.attrib["x"]) == pytest.approx(end, abs=0.02)
        end += width(whole) * parts[name] / FOUND.pace.seconds.expected
    assert end == pytest.approx(float(whole.attrib["x"]) + width(whole), rel=0.01)


@pytest.mark.parametrize(("share", "where"), [(0.5, "faster than"), (1.0, "within"), (2.5, "slower than")])
def test_a_measured_step_stands_beside_the_interval_with_its_phases(share: float, where: str) -> None:
    assert FOUND.pace is not None
    expected = FOUND.pace.seconds
    measured = Measured(
        name="run-1", seconds=share * expected.expected, phases={"forward": 0.3 * share * expected.expected,
        "backward": 0.7 * share * expected.expected, "checkpoint": 0.0},
    )  # fmt: skip
    root = drawn(measured=measured)
    said, found = texts(root), boxes(root)
    [line] = [one for one in said if one.startswith("Measured: ")]
    assert f"{where} the interval: run-1" in line and "forward" in said and "checkpoint" not in said
    [band] = [box for tip, box in found.items() if tip == "four times in five"]
    [step] = [box for tip, box in found.items() if tip.startswith("step: ")]
    phases = [box for tip, box in found.items() if tip.startswith("measured, ")]
    assert sum(map(width, phases)) / width(step) == pytest.approx(share, rel=0.01)
    assert list(gaps(phases)) == pytest.approx([0.0], abs=0.02)
    heights = {one.text: float(one.attrib["y"]) for one in root.iter(f"{SVG}text")}
    assert heights["computation"] - heights[line] > 14  # one below the other
    assert width(band) / width(step) == pytest.approx((expected.high - expected.low) / expected.expected, rel=0.01)


def test_a_measured_step_of_no_known_phases_is_one_bar() -> None:
    found = boxes(drawn(measured=replace(MEASURED, phases={})))
    assert [tip for tip in found if tip.startswith("measured")] == ["measured, step: 20 s"]


def test_what_is_not_known_is_said_in_its_place() -> None:
    said = texts(drawn(told(memory=None, kind=None)))
    assert any(one.startswith("Memory: what a rank may use is not known") for one in said)
    assert any(one.startswith("Time: the rates of its processors") for one in said)
    with pytest.raises(ValueError, match="the rates of its processors"):
        step_picture("x", told(kind=None))


def test_a_bound_from_below_says_that_it_is_one() -> None:
    said = texts(drawn(told(replace(JOB, model=None))))
    assert any("at least, for activations, logits, gathered are not counted" in one for one in said)


def test_names_of_others_are_text_and_never_markup() -> None:
    name = "<b>&\"'\x1b"
    root = ElementTree.fromstring(picture(name * 40, FOUND, replace(MEASURED, name=name * 40, phases={name: 20.0})))
    assert list(outside(root)) == [] and root.find(".//b") is None
    assert any("<b>&\"'\ufffd" in one for one in texts(root))


def test_each_alone_is_as_high_as_what_it_holds() -> None:
    for text in (memory_picture("Memory", FOUND), step_picture("Step", FOUND, MEASURED)):
        root = ElementTree.fromstring(text)
        bottom = float(root.attrib["viewBox"].split()[3])
        lowest = max(float(one.attrib["y"]) for one in root.iter() if one.tag.endswith("text"))
        assert list(outside(root)) == [] and bottom - lowest < 30


def test_every_component_of_memory_has_a_colour() -> None:
    from seatrial.report.memory_bars import _STYLES

    assert list(_STYLES) == list(MEMORY) and len(set(_STYLES.values())) == len(MEMORY)
    full = replace(FOUND, stages=(Memory(**dict.fromkeys(MEMORY, float(GIB))),))
    assert {title for title in MEMORY.values()} <= set(texts(drawn(full)))
