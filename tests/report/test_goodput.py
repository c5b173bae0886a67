"""The picture of a simulated run."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from seatrial.forecast.failures import fleet
from seatrial.forecast.simulate import PARTS, Scenario, simulate
from seatrial.report.format import percent
from seatrial.report.goodput import BAR_TOP, MOST, picture
from seatrial.report.standalone import PAD, WIDTH

SVG = "{http://www.w3.org/2000/svg}"
OUTCOME = simulate(Scenario(accelerators=16_384, days=5, fleet=fleet("llama3-405b"), spares=4, slow=1e-6), draws=40)


@pytest.fixture(scope="module")
def drawn() -> ElementTree.Element:
    return ElementTree.fromstring(picture(OUTCOME))


def texts(root: ElementTree.Element) -> list[str]:
    return [element.text or "" for element in root.iter(f"{SVG}text")]


def test_every_part_has_its_share_and_together_they_fill_the_bar(drawn: ElementTree.Element) -> None:
    bar = [r for r in drawn.iter(f"{SVG}rect") if float(r.attrib["y"]) == BAR_TOP]
    assert sum(float(r.attrib["width"]) for r in bar) == pytest.approx(WIDTH - 2 * PAD, abs=0.1)
    said = texts(drawn)
    for part in PARTS:
        share = OUTCOME.seconds[part].mean() / (5 * 86_400)
        assert part in said and percent(float(share)) in said


def test_the_histogram_holds_every_draw(drawn: ElementTree.Element) -> None:
    tips = [t.text or "" for t in drawn.iter(f"{SVG}title")]
    assert sum(int(found[1]) for tip in tips if (found := re.match(r"(\d+) draws from", tip))) == 40


def test_the_most_frequent_components_are_named_and_the_others_counted(drawn: ElementTree.Element) -> None:
    said = texts(drawn)
    assert "faulty GPU" in said and f"{len(OUTCOME.interruptions) - MOST} others" in said


def test_a_run_that_nothing_interrupts_is_drawn() -> None:
    calm = simulate(Scenario(accelerators=1, days=0.01, fleet=fleet("lablup")), draws=3)
    assert not calm.total.any()
    assert "0 interruptions on average" in texts(ElementTree.fromstring(picture(calm)))
